from bench.bars import GOAL, MISSED, NO_BAR, NOT_MEASURED, REACHED, Bar, figures


def bar(**values: object) -> Bar:
    named = {"work": "w", "peer": "p", "section": "s", "figure": "a/*/b", "bar": 2.0, "goal": 3.0}
    return Bar(**(named | values))  # type: ignore[arg-type]  # a test may say anything


def verdict(one: Bar, *values: float) -> str:
    return one.verdict({"s": {"a": {str(n): {"b": value} for n, value in enumerate(values)}}})


def test_what_is_at_least_the_bar_reaches_it_and_its_worst_figure_counts() -> None:
    assert verdict(bar(), 9.0, 2.0) == REACHED
    assert verdict(bar(), 9.0, 1.9) == MISSED
    assert verdict(bar(), 9.0, 3.0) == GOAL


def test_what_is_at_most_the_bar_reaches_it_and_its_worst_figure_counts() -> None:
    most = bar(bar=3.0, goal=2.0, at_most=True)
    assert verdict(most, 1.0, 3.0) == REACHED
    assert verdict(most, 1.0, 3.1) == MISSED
    assert verdict(most, 1.0, 2.0) == GOAL


def test_a_figure_that_is_not_there_was_not_measured() -> None:
    assert verdict(bar()) == NOT_MEASURED
    assert bar().verdict({}) == NOT_MEASURED


def test_a_figure_can_be_held_as_a_share_of_another() -> None:
    share = bar(figure="ours", over="theirs", bar=0.5, goal=0.9)
    assert share.verdict({"s": {"ours": 5, "theirs": 10}}) == REACHED
    assert share.verdict({"s": {"ours": 4, "theirs": 10}}) == MISSED
    assert share.verdict({"s": {"ours": 4}}) == NOT_MEASURED


def test_a_row_without_a_bar_has_none_to_reach() -> None:
    assert verdict(bar(bar=None, goal=None), 1.0) == NO_BAR


def test_another_size_than_the_bar_speaks_of_is_told() -> None:
    sized = bar(size="entries", demanded_size=5)
    assert sized.size_of({"s": {"entries": 4}}) == 4
    assert sized.size_of({"s": {"entries": 5}}) is None


def test_a_path_that_ends_at_no_number_leads_to_nothing() -> None:
    assert [*figures({"a": {"b": 1, "c": True, "d": "2"}}, "a/*")] == [1]
    assert [*figures({"a": 1}, "a/b")] == []
