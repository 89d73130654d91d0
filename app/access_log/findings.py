"""What verification can find, and the exit status of each kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from app.access_log.succession import Succession
from app.problems import ThroughcareError

# Exit status of a log that verifies.
SOUND = 0

# Told how many of how many entries are done.
Watch = Callable[[int, int], None]


class Finding(IntEnum):
    """A kind of finding. Its value is the exit status; 1 and 2 stay with crashes and usage."""

    meaning: str

    def __new__(cls, status: int, meaning: str = "") -> Self:
        """A kind by its exit status, and in words."""
        member = int.__new__(cls, status)
        member._value_ = status
        member.meaning = meaning
        return member

    MALFORMED_LINE = 10, "a line is not what the format says, to the byte"
    BAD_SIGNATURE = 11, "the checkpoint is not signed by the log's key, or its signature is wrong"
    OTHER_ORIGIN = 12, "the checkpoint, or an entry, belongs to another log"
    BAD_TILE = 13, "a hash in a tile is not the one that was signed"
    EDITED_LEAF = 14, "a leaf is not the one that was signed"
    EDITED_SECTION = 15, "a section is not the one that its leaf commits to"
    MISSING_SECTION = 16, "a section that no erasure takes does not show"
    DAMAGED_SECTION = 17, "a ciphertext in the log does not open any more"
    DELETED_ROW = 18, "an entry is missing between others"
    REORDERED_ROWS = 19, "an entry stands in another place"
    TRUNCATED = 20, "entries at the end are missing"
    SURPLUS_ROW = 21, "there is more than was signed"
    ROOT_MISMATCH = 22, "the hashes do not lead to the signed root"
    BEHIND_SAVED_CHECKPOINT = 23, "a saved checkpoint vouches for more entries than there are"
    FORKED = 24, "a saved checkpoint vouches for other entries"
    SAVED_CHECKPOINT_REFUSED = 25, "a saved checkpoint is not this log's, or not rightly signed"
    UNEXPLAINED = 26, "personal sections are missing, and no entry of an erasure explains it"
    NOT_ERASED = 27, "an erasure names an entry that still shows, or that is not there"
    BROKEN_PROMISE = 28, "the entry of a receipt is not in the log, and its promised time is over"
    RECEIPT_REFUSED = 29, "a receipt is not this log's, or not rightly signed"
    NOT_COSIGNED = 30, "no checkpoint bears the cosignatures of enough witnesses"


class LogRefused(ThroughcareError):
    """Verification stopped at the first finding; `index` and `last` as in `Report`."""

    def __init__(
        self, finding: Finding, detail: str, *, index: int | None = None, last: int | None = None
    ) -> None:
        super().__init__(detail)
        self.finding = finding
        self.index = index
        self.last = last


@dataclass(frozen=True, slots=True)
class Promises:
    """Receipts that were held to the log.

    Proved to be kept; not yet due; and of an earlier name of the log, for entries that are not
    here, which were lost with the database, as the log declares, or never stood in it.
    """

    kept: int = 0
    not_yet_due: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a verification.

    Attributes:
        finding: the first one; None where the log is sound.
        index: of the first bad entry, where the finding lies in one.
        last: the finding lies in one of the entries from `index` to this one, and nothing tells
            in which; None where `index` is exact.
        detail: the finding in words.
        origin: of the log.
        size: how many entries were verified.
        erasures: by the index of an erasure's entry, the entries that it explains.
        promises: what became of the receipts.
        witnessed: the size of the largest checkpoint that enough witnesses have cosigned; None
            where none were named.
        successions: the recoveries after which the log goes on under a new name, with what each
            declares lost.
    """

    finding: Finding | None = None
    index: int | None = None
    last: int | None = None
    detail: str = "the log verifies"
    origin: str | None = None
    size: int | None = None
    erasures: Mapping[int, Sequence[int]] = field(default_factory=dict)
    promises: Promises = Promises()
    witnessed: int | None = None
    successions: tuple[Succession, ...] = ()

    @classmethod
    def of(cls, refused: LogRefused) -> Self:
        """The report of the first finding."""
        return cls(
            finding=refused.finding,
            index=refused.index,
            last=refused.last,
            detail=refused.detail,
        )

    @property
    def erased(self) -> int:
        """How many entries have lost their personal sections to an erasure."""
        return sum(len(entries) for entries in self.erasures.values())

    @property
    def exit_code(self) -> int:
        """0 for a sound log, else the status of the finding."""
        return SOUND if self.finding is None else int(self.finding)


def unwatched(done: int, total: int) -> None:
    """Nobody watches."""
