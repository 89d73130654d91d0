"""What people read of a result: a line for each member, and for each in a list."""

import pytest

from app.cli.output import show


def test_a_result_is_told_in_words_and_not_as_a_program_writes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"agency": "welfare", "problem": None}, {"agency": "police", "problem": {"since": 3}}]
    content = {"log": "x", "starts": False, "restored": ["database", "keys"], "rows": rows}
    show({**content, "retired": None, "left": []}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "log: x",
        "starts: no",
        "restored: database, keys",
        "rows:",
        "  agency welfare  problem none",
        "  agency police  problem (since 3)",
        "retired: none",
        "left: none",
    ]
