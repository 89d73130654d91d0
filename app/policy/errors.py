"""What goes wrong with a policy: at load it is a list of findings, at a decision a refusal."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.problems import ThroughcareError, Unavailable


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong in a bundle: the file, its line (0: the whole file), the policy, the matter.

    `policy` is the `@id`, or empty where there is none.
    """

    file: str
    line: int
    policy: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return (
            f"{place}: {self.policy}: {self.message}" if self.policy else f"{place}: {self.message}"
        )


class PolicyError(ThroughcareError):
    """The bundle must not be used. `findings` holds everything found, in the order of the files."""

    title = "The policy bundle was refused"
    slug = "policy-refused"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(set(findings)))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class DecisionFailed(Unavailable):
    """The engine gave no clean answer: everything is withheld. Says nothing about the request."""

    title = "No decision"
    slug = "no-decision"


def refuse(findings: Iterable[Finding]) -> None:
    """Raise `PolicyError` if there is anything to say."""
    found = tuple(findings)
    if found:
        raise PolicyError(found)
