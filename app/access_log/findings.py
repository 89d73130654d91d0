"""What verification can find, and the exit code of each kind."""

from dataclasses import dataclass
from enum import IntEnum

from app.access_log.succession import Succession
from app.problems import ThroughcareError

# Exit code of a log that verifies.
SOUND = 0


class Finding(IntEnum):
    """A kind of finding. Its value is the exit code; 1 and 2 stay with crashes and usage."""

    MALFORMED_LINE = 10  # a line is not what the format says, to the byte
    BAD_SIGNATURE = 11  # the checkpoint is not signed by a known key, or its signature is wrong
    OTHER_ORIGIN = 12  # the checkpoint, or an entry, belongs to another log
    BAD_TILE = 13  # a leaf hash in a tile is not the one that was signed
    EDITED_LEAF = 14  # a leaf is not the one that was signed
    EDITED_SECTION = 15  # a section is not the one that its leaf commits to
    MISSING_SECTION = 16  # a section that must show does not
    DAMAGED_SECTION = 17  # a ciphertext in the log does not open any more
    DELETED_ROW = 18  # an entry is missing between others
    REORDERED_ROWS = 19  # an entry stands in another place
    TRUNCATED = 20  # entries at the end are missing
    SURPLUS_ROW = 21  # there is more than was signed
    ROOT_MISMATCH = 22  # entries and tiles agree with one another, but not with the checkpoint
    BEHIND_SAVED_CHECKPOINT = 23  # a saved checkpoint vouches for more entries than there are
    FORKED = 24  # a saved checkpoint vouches for other entries
    SAVED_CHECKPOINT_REFUSED = 25  # a saved checkpoint is not this log's, or not rightly signed


class ExportRefused(ThroughcareError):
    """Verification stopped at the first finding. `index` is that of the first bad entry."""

    def __init__(self, finding: Finding, detail: str, *, index: int | None = None) -> None:
        super().__init__(detail)
        self.finding = finding
        self.index = index


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a verification.

    `index` is that of the first bad entry, where the finding lies in one; for FORKED the fork
    lies at or behind it. `erased` counts entries whose personal sections are declared as
    erased: hold it against the `erasure` entries of the log. `successions` are the recoveries after
    which it goes on under a new name, with what each declares lost.
    """

    finding: Finding | None = None
    index: int | None = None
    detail: str = "the log verifies"
    origin: str | None = None
    size: int | None = None
    erased: int = 0
    successions: tuple[Succession, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 for a sound log, else the code of the finding."""
        return SOUND if self.finding is None else int(self.finding)
