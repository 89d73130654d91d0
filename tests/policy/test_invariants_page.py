"""What the page about the invariants says holds them is there."""

import ast
import re
from pathlib import Path

from app.policy.invariants import read_invariants
from app.policy.relations import relations
from tests.policy.unchecked import VOCABULARY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policy-invariants.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| (\d+) \|(.*)\|$", PAGE, re.MULTILINE))


def test_each_of_the_28_has_its_line() -> None:
    assert list(map(int, ROWS)) == list(range(1, 29))


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, f"{path}::{name}"


def test_every_module_that_is_named_exists() -> None:
    named = re.findall(r"`((?:app|policies)/[\w/.]+)`", PAGE)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_claim_that_is_named_is_proved_and_every_claim_is_named() -> None:
    stated = {one.id: one.number for one in read_invariants(ROOT / "policies", VOCABULARY)}
    claims = stated | {claim.id: claim.number for claim in relations()}
    for number, row in ROWS.items():
        for name in re.findall(r"`(\d+-[a-z-]+)`", row):
            assert claims[name] == int(number)
    for name, number in claims.items():
        wildcard = any(name.startswith(w) for w in re.findall(r"`([\w-]+)\.\.\.`", PAGE))
        assert f"`{name}`" in PAGE or wildcard, f"{number}: {name}"
