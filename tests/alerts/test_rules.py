"""A file of rules: what it says is what counts, and what it cannot mean is refused by its line."""

from pathlib import Path

import pytest

from app.alerts.rules import SHIPPED, OutOfHours, Rules, RulesRefused

TEXT = SHIPPED.read_text(encoding="utf-8")
RULE = """# a remark
[[rule]]
id = "night"
meaning = "Somebody reads at night."
kind = "out-of-hours"
severity = "low"
told = ["auditors"]
hours = 12
opens = 07:00:00
closes = 19:00:00
round_the_clock = ["police_local"]
least = 2
"""


def refusal(text: str) -> str:
    with pytest.raises(RulesRefused) as caught:
        Rules.from_toml(text, name="mine.toml")
    return str(caught.value)


def test_the_shipped_rules_look_for_each_kind() -> None:
    assert {rule.kind for rule in Rules.from_file(None).all} == {
        "unusual-volume",
        "outside-caseload",
        "out-of-hours",
        "purpose-switch",
        "many-persons-one-case",
        "stale-checkpoint",
        "refused-witness",
    }


def test_a_file_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULE)
    rules = Rules.from_file(file)
    [rule] = rules.all
    assert isinstance(rule, OutOfHours)
    assert (rule.opens.hour, rule.least, rule.window.total_seconds()) == (7, 2, 43_200)
    assert rules.digest != Rules.from_file(None).digest


@pytest.mark.parametrize(
    ("written", "wrong", "said"),
    [
        ("least = 2", "leest = 2", "leest: Unexpected keyword argument"),
        ("least = 2", "", "least: Field required"),
        ("least = 2", "least = 0", "least: Input should be greater than or equal to 1"),
        ("least = 2", 'least = "2"', "least: Input should be a valid integer"),
        ("least = 2", "least = true", "least: Input should be a valid integer"),
        ("hours = 12", "hours = 10000", "hours: Input should be less than or equal to 744"),
        ('"low"', '"urgent"', "severity: Input should be 'low', 'medium' or 'high'"),
        ('"out-of-hours"', '"at-night"', "kind: Input tag 'at-night' found"),
        ("closes = 19", "closes = 06", "closes: expected a time after `opens`"),
        ("opens = 07:00:00", "opens = 7", "opens: Input should be a valid time"),
        ("police_local", "pirates", "round_the_clock: no such role: pirates"),
        ('["auditors"]', '["operator"]', "told: every alert is an entry"),
        ('["auditors"]', '["auditors", "press"]', "told.1: Input should be"),
        ('id = "night"', 'id = "At Night"', "id: String should match pattern"),
    ],
)
def test_what_a_rule_cannot_mean_is_refused_with_its_line(
    written: str, wrong: str, said: str
) -> None:
    assert written in RULE
    told = refusal(RULE.replace(written, wrong))
    assert told.startswith("mine.toml:2: rule ")
    assert said in told


def test_an_id_is_given_once() -> None:
    assert "mine.toml:14: rule night: id: there is another" in refusal(f"{RULE}\n{RULE[11:]}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = [", "mine.toml: Invalid value"),
        (f"rule = {'[' * 5_000}", "mine.toml: "),
        ("", "mine.toml: expected a list of [[rule]]"),
        ("rule = []", "mine.toml: expected a list of [[rule]]"),
        ("rule = [1]", "mine.toml:1: rule 1: kind"),
        (f"limit = 3\n{RULE}", "mine.toml: no such key: limit"),
    ],
)
def test_what_is_no_list_of_rules_is_refused(text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_past_has_room_for_what_it_needs() -> None:
    assert "least_past: expected no more than" in refusal(
        TEXT.replace("least_past = 10", "least_past = 57", 1)
    )


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(RulesRefused, match=r"absent\.toml: this file of rules cannot be read"):
        Rules.from_file(tmp_path / "absent.toml")
