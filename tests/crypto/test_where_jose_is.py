"""JOSE is spoken in one package, and never by the part of its library that is too lenient."""

import ast
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).parent.parent.parent / "app"
SPEAKERS = {"jose", "joserfc", "jwcrypto", "jwt", "authlib"}


def imports() -> Iterator[tuple[str, str]]:
    """File and module of every import, also of those inside functions."""
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else [f"{node.module}.{one.name}" for one in node.names]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            yield from ((path.relative_to(APP).as_posix(), name) for name in names)


def test_only_one_package_speaks_jose() -> None:
    speaking = {file for file, name in imports() if name.partition(".")[0] in SPEAKERS}
    assert speaking
    assert {file for file in speaking if not file.startswith("crypto/")} == set()


def test_what_is_lenient_about_claims_is_used_nowhere() -> None:
    assert [file for file, name in imports() if name.startswith("jose.jwt")] == []
    assert {name.partition(".")[0] for _, name in imports()} & SPEAKERS == {"jose"}
