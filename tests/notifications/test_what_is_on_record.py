"""Every operation, channel and outcome that an entry can name is one that the product writes."""

import asyncio

from app.access_log.query import EntryFilter
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.processes.jobs import make_watcher
from tests.administration.test_data_keys import erase
from tests.notifications.play import Prison, Town
from tests.notifications.test_paper import centre_of, told_of_release


def test_each_word_of_the_log_stands_in_an_entry_of_a_real_flow(town: Town, prison: Prison) -> None:
    notices_are_pushed_polled_and_printed(town, prison)
    files_are_written_imported_read_and_erased(town, prison)
    references_are_guessed(town)
    auditor = town.join("oversight_auditor", competent=False)
    assert auditor.call("GET", "/v1/access-log/entries").status_code == 200
    on_record(town)  # the watcher sees what has its place
    service = town.world.service
    asyncio.run(make_watcher(service.settings, service.in_force, town.world.clock).round())
    entries = on_record(town)
    assert {one["operation"] for one in entries} == set(Operation)
    assert {one["channel"] for one in entries} == set(Channel)
    assert {one["outcome"] for one in entries} == set(Outcome)


def on_record(town: Town) -> list[dict[str, str]]:
    """What happened, of every entry, once each has its place in the log."""
    return [one["circumstances"] for one in town._entries(EntryFilter())]  # noqa: SLF001 - all


def references_are_guessed(town: Town) -> None:
    """Misuse, of which an alert tells."""
    mentor = town.join("ngo_mentor")
    for number in range(10):
        mentor.call("GET", f"/v1/inmate-files/{number:032x}")


def notices_are_pushed_polled_and_printed(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    welfare = town.join("social_welfare_centre")
    welfare.subscribe_to_inbox()
    probation.box.answer_next(500)
    prison.admit(town.release_in(20))
    town.settle()
    [polled] = welfare.poll()
    assert welfare.acknowledge(polled.jti).status_code == 204
    with town.narrowed_for_a_while():
        town.narrow()
        town.advance(hours=1)
    centre = centre_of(town, prison, "social_welfare_centre", "social_support")
    centre.make(told_of_release(centre))


def files_are_written_imported_read_and_erased(town: Town, prison: Prison) -> None:
    probation = town.join("probation_service", name="reader")
    reference = prison.admit()
    prison.refer(reference, probation)
    prison.move(reference, town.release_in(200))
    [case] = probation.call("GET", "/v1/cases").json()["cases"]
    for asked in (case["reference"], "0" * 32):
        probation.call("GET", f"/v1/inmate-files/{asked}")
    line = {"reference": "imported-1", "sections": {}}
    way = "/v1/inmate-files/import"
    prison.agency.call("POST", way, line, Content_Type="application/x-ndjson")
    house, person_id = town.world.service.house, town.person_id(prison.agency, reference)
    town.work(lambda c: erase(c, house, person_id))
