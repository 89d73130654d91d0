"""The leaf hashes of a log in memory: 32 bytes an entry and nothing else. Pure."""

from collections.abc import Iterator

from app.access_log.merkle import HASH_BYTES


class LeafHashes:
    """Leaf hashes in the order of the log; a million of them take 32 MB."""

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data) // HASH_BYTES

    def __getitem__(self, index: int) -> bytes:
        return bytes(self._data[index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def __iter__(self) -> Iterator[bytes]:
        return self.part(0, len(self))

    def extend(self, hashes: bytes) -> None:
        """Add hashes that stand one after another."""
        self._data += hashes

    def part(self, start: int, stop: int) -> Iterator[bytes]:
        """The hashes [start, stop)."""
        return (self[index] for index in range(start, stop))
