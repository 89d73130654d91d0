"""The mapping files that come with the product (folder `mappings`)."""

from importlib import resources
from pathlib import Path

from app.imports.mapping import Mapping, MappingError

FOLDER = resources.files("app.imports") / "mappings"


def names() -> tuple[str, ...]:
    """The names of the mappings, in order."""
    found = (entry.name for entry in FOLDER.iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in found if n.endswith(".toml")))


def named(name: str) -> Mapping:
    """A mapping by the name of a shipped one, or from a file.

    Raises:
        MappingError: what is wrong with it.
    """
    if name in names() or not Path(name).exists():
        return shipped(name)
    return Mapping.from_toml(Path(name).read_text(encoding="utf-8"))


def shipped(name: str) -> Mapping:
    """A mapping by its name, such as `native`; MappingError where there is none of it."""
    if name not in names():
        known = ", ".join(names())
        raise MappingError(f"{name}: no file, and none of the mappings that come with us: {known}")
    return Mapping.from_toml((FOLDER / f"{name}.toml").read_text("utf-8"))
