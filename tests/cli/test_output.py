"""What people read of a result: a line for each member, and for each in a list."""

import pytest
from rich.table import Table

from app.cli.output import errors, screen, show


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


def test_a_terminal_obeys_nothing_that_somebody_else_wrote(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show({"kid": "a\x1b[2Jb\u202e", "name": "Šabanović\u00a0"}, as_json=False)
    assert capsys.readouterr().out == "kid: a\\x1b[2Jb\\u202e\nname: Šabanović\u00a0\n"
    table = Table("of", box=None)
    table.add_row("\x9bA")
    screen.print(table)
    errors.print("one line\nand \x1banother", markup=False)
    said = capsys.readouterr()
    assert said.out.split() == ["of", "\\x9bA"]
    assert said.err == "one line\nand \\x1banother\n"
