"""From statements to policies that may be used: parsed, checked, validated, with their masks.

Shared by everything that is read: the base, overlays of countries, invariants.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cedarpy

from app.policy import engine
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.policies import Policy
from app.policy.statements import cut, unreadable_characters

POLICY_SUFFIX = ".cedar"


def read_folder(directory: Path, folder: str, *, beside: Iterable[str] = ()) -> Mapping[str, str]:
    """The policy files of a folder of the bundle by relative name, sorted; none without it.

    `beside` names other files that may lie there; they are not read.

    Raises:
        PolicyError: there is anything else in it, or a file cannot be read.
    """
    within = directory / folder
    texts: dict[str, str] = {}
    for path in sorted(within.iterdir()) if within.is_dir() else ():
        name = f"{folder}/{path.name}"
        if path.name in beside:
            continue
        if path.suffix != POLICY_SUFFIX or not path.is_file():
            raise PolicyError([Finding(name, 0, "", f"only {POLICY_SUFFIX} files belong here")])
        texts[name] = read_text(directory, name)
    return texts


def read_text(directory: Path, name: str) -> str:
    """The text of a file of the bundle."""
    try:
        return (directory / name).read_bytes().decode("utf-8")
    except OSError as error:
        raise PolicyError([Finding(name, 0, "", "cannot be read")]) from error
    except UnicodeDecodeError as error:
        raise PolicyError([Finding(name, 0, "", "is not UTF-8")]) from error


def parse(files: Mapping[str, str]) -> tuple[Policy, ...]:
    """The policies of files in their order, without masks.

    Raises:
        PolicyError: characters that cannot be seen, or statements that the engine cannot read.
    """
    policies: list[Policy] = []
    findings: list[Finding] = []
    for name, text in files.items():
        findings.extend(unreadable_characters(name, text))
        for statement in cut(name, text):
            try:
                policies.append(Policy(statement, engine.parse(statement.text)))
            except engine.SyntaxRefused as error:
                findings.append(statement.finding(str(error)))
    refuse(findings)
    return tuple(policies)


def invalid(policies: Sequence[Policy], schema: cedarpy.Schema) -> Iterator[Finding]:
    """What strict validation finds, at the statement that it is about."""
    texts = [policy.statement.text for policy in policies]
    for place, message in engine.validate(texts, schema):
        # An error that names no policy is shown at the first one.
        yield policies[place or 0].finding(message)
