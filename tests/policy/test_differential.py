"""The compiled table beside the engine, over the shipped policies (longer: `make fuzz`)."""

from tests.policy.fuzz import over_shipped


def test_table_and_engine_are_of_one_mind_over_the_shipped_policies() -> None:
    counts, found = over_shipped(seed=3, requests=600, each_action=5)
    print(dict(counts))  # noqa: T201 - shown with -rP
    assert found == []
    assert counts["decided"] == 570
    assert counts["refused"] == 30
    assert counts["fields released among them"] > 0
