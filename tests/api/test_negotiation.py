import pytest

from app.api.negotiation import preferred, preferred_language

OFFERED = ("application/json", "text/markdown", "text/html")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("TEXT/HTML; charset=utf-8", "text/html"),
        ("text/*", "text/markdown"),
        ("text/*;q=0.5, text/html", "text/html"),
        ("text/markdown;q=0, text/*", "text/html"),
        ("application/json;q=0.2, text/markdown;q=0.3", "text/markdown"),
        ("*/*, application/json;q=0", "text/markdown"),
        (BROWSER, "text/html"),
        # None of what is offered, or nothing that can be read.
        ("image/png", "application/json"),
        ("text/html;q=2", "application/json"),
        ("text/html;q=x, text/markdown;q=0.001", "text/markdown"),
        (";;,,=", "application/json"),
    ],
)
def test_the_best_of_what_is_offered_is_chosen(accept: str | None, chosen: str) -> None:
    assert preferred(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "en"),
        ("*", "en"),
        ("sq", "sq"),
        ("SR-Latn-RS", "sr"),
        ("sq;q=0.4, sr;q=0.5", "sr"),
        ("sr-Cyrl;q=0.1, sr;q=0.9, sq;q=0.5", "sr"),
        ("de, *;q=0.1, sq;q=0.3", "sq"),
        # None of what is offered, or nothing that can be read.
        ("de", "en"),
        (";;,,=", "en"),
    ],
)
def test_the_best_of_the_languages_is_chosen_by_its_first_part(
    accept: str | None, chosen: str
) -> None:
    assert preferred_language(accept, ("en", "sq", "sr")) == chosen
