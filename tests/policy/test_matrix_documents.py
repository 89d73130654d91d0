"""A matrix is written once for a bundle and a day, whoever asks and how many at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import orjson

from app.policy.bundle import Bundle
from app.policy.matrix import matrix
from app.policy.matrix_documents import KEPT, MatrixDocuments, Written
from app.policy.matrix_pages import to_html, to_markdown

DAY = date(2027, 3, 3)


def test_each_document_is_the_matrix_of_the_day(bundle: Bundle) -> None:
    made = MatrixDocuments().make(bundle, at=DAY)
    expected = matrix(bundle, at=DAY)
    assert orjson.loads(made[Written.JSON]) == expected.to_json()
    assert made[Written.MARKDOWN].decode() == to_markdown(expected)
    assert made[Written.HTML].decode() == to_html(expected)


def test_it_is_made_once_however_many_ask_at_a_time(bundle: Bundle) -> None:
    documents = MatrixDocuments()
    assert documents.made(bundle, at=DAY) is None
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: documents.make(bundle, at=DAY), range(8)))
    assert len({id(one) for one in made}) == 1
    assert documents.made(bundle, at=DAY) is made[0]


def test_another_day_is_another_matrix_and_old_ones_go(bundle: Bundle) -> None:
    documents = MatrixDocuments()
    days = [DAY + timedelta(days=n) for n in range(KEPT + 1)]
    made = [documents.make(bundle, at=day) for day in days]
    assert b"2027-03-03" in made[0][Written.HTML]
    assert b"2027-03-04" in made[1][Written.HTML]
    assert [documents.made(bundle, at=day) is not None for day in days] == [False, True, True]
