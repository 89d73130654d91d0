"""The files of a bundle as one value: what is signed, stored and loaded again.

The digest is over all of it: schema, agreements, policies, invariants, and what a country adds.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Self

from app.crypto.encoding import read_json_object, write_json
from app.crypto.errors import Malformed
from app.policy import agreements, authorities, invariants
from app.policy.assembly import POLICY_SUFFIX, read_text
from app.policy.errors import Finding, PolicyError
from app.policy.loader import digest, read_files

# A name leads to one file inside the folder, on every system.
_NAME = re.compile(r"([a-z_]{2,32}/)?[A-Za-z0-9_-]{1,64}\.(cedar|cedarschema|toml)")
_OF_A_COUNTRY = (agreements.FILE, authorities.FILE)


@dataclass(frozen=True)
class Archive:
    """Every file of a bundle as it is in force in a country, by relative name.

    Two archives of one digest and country are equal.
    """

    files: Mapping[str, str] = field(compare=False, repr=False)
    country: str
    digest: str

    @classmethod
    def of(cls, files: Mapping[str, str], country: str) -> Self:
        """The archive of these files; the digest is computed.

        Raises:
            PolicyError: a name could lead out of the folder of the bundle.
        """
        wrong = [name for name in files if not _NAME.fullmatch(name)]
        if wrong:
            raise PolicyError(Finding(repr(name), 0, "", "no name of a bundle") for name in wrong)
        return cls(MappingProxyType(dict(sorted(files.items()))), country, digest(files))

    @classmethod
    def read(cls, directory: Path, country: str) -> Self:
        """The bundle of a folder, with what the country adds if it adds anything."""
        files = dict(read_files(directory))
        folder = directory / country
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        for name in names:
            if name.endswith(POLICY_SUFFIX) or name in _OF_A_COUNTRY:
                files[f"{country}/{name}"] = read_text(directory, f"{country}/{name}")
        return cls.of(files, country)

    @classmethod
    def from_bytes(cls, content: bytes, country: str) -> Self:
        """The archive that `to_bytes` wrote.

        Raises:
            PolicyError: it is something else.
        """
        try:
            files = read_json_object(content)
        except Malformed as error:
            raise PolicyError([Finding("archive", 0, "", f"is {error}")]) from None
        if not all(isinstance(text, str) for text in files.values()):
            raise PolicyError([Finding("archive", 0, "", "holds something that is no text")])
        return cls.of(files, country)

    def to_bytes(self) -> bytes:
        """The files as one JSON object, sorted by name."""
        return write_json(dict(self.files))

    def write(self, directory: Path) -> None:
        """Write the files into a folder that is new or empty. OSError if it is not."""
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise FileExistsError(17, "the folder is not empty", str(directory))
        for name, text in self.files.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_bytes(text.encode())

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """The files in a folder of nobody else, for as long as the block lasts."""
        with tempfile.TemporaryDirectory(prefix="throughcare-policy-") as folder:
            self.write(Path(folder))
            yield Path(folder)

    @cached_property
    def invariants(self) -> Mapping[str, str]:
        """The texts that state the invariants, by name."""
        own = f"{invariants.FOLDER}/"
        return {name: text for name, text in self.files.items() if name.startswith(own)}
