import pytest

from tests.receiver.service_stand_in import Sender
from throughcare_receiver.errors import TryLater
from throughcare_receiver.keys import KeySet
from throughcare_receiver.sender_keys import KEEP_SECONDS, REFETCH_SECONDS, SenderKeys


class Source:
    """A service whose keys can be exchanged, and a clock that can be moved."""

    def __init__(self) -> None:
        self.keys = KeySet.from_jwks(Sender().jwks())
        self.now = 100.0
        self.fetches = 0
        self.is_down = False

    def fetch(self) -> KeySet:
        if self.is_down:
            raise TryLater("down")
        self.fetches += 1
        return self.keys

    def rotate(self) -> None:
        self.keys = KeySet.from_jwks(Sender().jwks())


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def keys(source: Source) -> SenderKeys:
    return SenderKeys(source.fetch, monotonic=lambda: source.now)


def test_keys_are_fetched_once(source: Source, keys: SenderKeys) -> None:
    assert keys.current() is keys.current() is source.keys
    assert source.fetches == 1


def test_old_keys_are_fetched_anew(source: Source, keys: SenderKeys) -> None:
    keys.current()
    source.rotate()
    source.now += KEEP_SECONDS + 1
    assert keys.current() is source.keys


def test_old_keys_are_not_used_while_the_service_is_down(source: Source, keys: SenderKeys) -> None:
    keys.current()
    source.is_down = True
    source.now += KEEP_SECONDS + 1
    with pytest.raises(TryLater):
        keys.current()


def test_newer_keys_are_fetched_once_in_thirty_seconds(source: Source, keys: SenderKeys) -> None:
    seen = keys.current()
    with pytest.raises(TryLater, match="just now"):
        keys.newer_than(seen)
    source.now += REFETCH_SECONDS
    source.rotate()
    assert keys.newer_than(seen) is source.keys
    assert source.fetches == 2


def test_what_another_thread_fetched_meanwhile_is_used(source: Source, keys: SenderKeys) -> None:
    seen = keys.current()
    source.now += REFETCH_SECONDS
    source.rotate()
    keys.newer_than(seen)
    assert keys.newer_than(seen) is source.keys
    assert source.fetches == 2
