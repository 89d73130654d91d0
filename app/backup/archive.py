"""The file of a backup: sealed to keys that the service does not have.

    throughcare backup 1
    {"enc": "A256GCM", "recipients": [{"alg": "RSA-OAEP-256", "encrypted_key": ..., "kid": ...}]}
    frames, each: its length (4 bytes, big-endian), nonce, ciphertext, tag

One content key, made for this file, seals the frames with AES-256-GCM. Each is bound to the two
lines at the head and to its number, so none can be changed, moved or left out. Its first byte says
what it is: `P` the name of a part, `D` a piece of that part, `M` the manifest. The manifest stands
at the end and nothing behind it: a file without one was never finished.

Whoever knows the public key can make such a file. What makes it a backup is the signature of the
log under its manifest.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa

from app.backup.manifest import Part
from app.crypto import at_rest, content_keys
from app.crypto.encoding import decode_base64url, encode_base64url, read_json_object
from app.crypto.errors import DecryptionFailed, Malformed
from app.crypto.key_ring import RandomBytes
from app.crypto.sealing_keys import KEY_ENCRYPTION, EncryptionKey
from app.problems import ThroughcareError

FORMAT: Final = b"throughcare backup 1\n"
CONTENT_ENCRYPTION: Final = "A256GCM"
PART: Final = b"P"
DATA: Final = b"D"
MANIFEST: Final = b"M"
PIECE_BYTES: Final = 1 << 20
# A byte for the kind, a nonce, a tag: a little more is no reason to refuse, much more is.
LONGEST_FRAME: Final = PIECE_BYTES + 1024
# A recipient's line has some 600 bytes.
LONGEST_HEAD: Final = 1 << 16
LENGTH_BYTES: Final = 4
# A checkpoint and some keys of a few kilobytes each.
LARGEST_OF_SMALL: Final = 1 << 20

Frame = tuple[bytes, bytes]


class ArchiveRefused(ThroughcareError):
    """The file is no backup, was altered or never finished, or is sealed to other keys."""


@dataclass(slots=True)
class ArchiveWriter:
    """Writes one file, part by part. What was not finished is no backup."""

    file: BinaryIO
    random: RandomBytes
    parts: list[Part] = field(default_factory=list)
    _key: bytes = field(init=False, repr=False)
    _head: bytes = field(init=False, repr=False)
    _number: int = 0

    @classmethod
    def begin(
        cls, file: BinaryIO, recipients: Sequence[EncryptionKey], *, random: RandomBytes
    ) -> "ArchiveWriter":
        """Write the head: each of the recipients can open the whole file alone."""
        writer = cls(file, random)
        writer._key = random(at_rest.KEY_BYTES)
        described = [
            {
                "kid": recipient.kid,
                "alg": KEY_ENCRYPTION,
                "encrypted_key": encode_base64url(content_keys.close(writer._key, recipient)),
            }
            for recipient in recipients
        ]
        line = orjson.dumps({"enc": CONTENT_ENCRYPTION, "recipients": described}) + b"\n"
        file.write(FORMAT + line)
        writer._head = hashlib.sha256(FORMAT + line).digest()
        return writer

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a part. Its pieces may have any length up to `PIECE_BYTES`."""
        tally = _Tally()
        self._write(PART, name.encode())
        for piece in pieces:
            tally.add(piece)
            self._write(DATA, piece)
        self.parts.append(tally.part(name))

    def finish(self, manifest: str) -> None:
        """Write what makes it whole: the signed manifest."""
        self._write(MANIFEST, manifest.encode())

    def _write(self, kind: bytes, content: bytes) -> None:
        place = _place(self._head, self._number)
        nonce = self.random(at_rest.NONCE_BYTES)
        sealed = at_rest.seal(self._key, kind + content, place, nonce=nonce)
        self.file.write(len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed)
        self._number += 1


@dataclass(frozen=True, slots=True)
class Head:
    """The lines at the head of a file, and the content key in them.

    INVARIANT: nobody but who made the file and who opens it has the key. So what is read behind
    the same lines, later, is of the same file: as it was, or refused.
    """

    lines: bytes
    key: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What each frame is bound to."""
        return hashlib.sha256(self.lines).digest()


def frames(file: BinaryIO, head: Head) -> Iterator[Frame]:
    """Kind and content of each frame, in their order; the manifest is the last.

    Raises:
        ArchiveRefused: on the first that is not as it was written, where the end is missing, and
            where the head is another one.
    """
    if file.read(len(head.lines)) != head.lines:
        raise ArchiveRefused("this is another file than before")
    key, digest = head.key, head.digest
    number = 0
    kind = b""
    while kind != MANIFEST:
        kind, content = _read_frame(file, key, _place(digest, number))
        number += 1
        yield kind, content
    if file.read(1):
        raise ArchiveRefused("something stands behind the end of the backup")


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a whole file: its parts, the content of the small ones, the manifest's note."""

    parts: tuple[Part, ...]
    small: Mapping[str, bytes]
    manifest: str


def survey(frames_of_file: Iterator[Frame], *, large: str) -> Found:
    """Read a file to its end. All but the part `large` is kept.

    Raises:
        ArchiveRefused: as `frames`; or the file is not as `ArchiveWriter` writes it.
    """
    tallies: dict[str, _Tally] = {}
    small: defaultdict[str, bytes] = defaultdict(bytes)
    name = manifest = ""
    for kind, content in frames_of_file:
        if kind == PART and (name := content.decode(errors="replace")) not in tallies:
            tallies[name] = _Tally()
        elif kind == DATA and name:
            tallies[name].add(content)
            if name != large:
                small[name] += content
        elif kind == MANIFEST:
            manifest = content.decode(errors="replace")
        else:
            raise ArchiveRefused("the backup is of another form")
        if sum(map(len, small.values())) > LARGEST_OF_SMALL:
            raise ArchiveRefused("the backup is of another form")
    return Found(tuple(one.part(name) for name, one in tallies.items()), small, manifest)


def content_of(name: str, frames_of_file: Iterator[Frame]) -> Iterator[bytes]:
    """The pieces of one part."""
    current = b""
    for kind, content in frames_of_file:
        if kind == PART:
            current = content
        elif kind == DATA and current == name.encode():
            yield content


class _Tally:
    """Counts and hashes a part."""

    def __init__(self) -> None:
        self._digest, self._length = hashlib.sha256(), 0

    def add(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._length += len(piece)

    def part(self, name: str) -> Part:
        return Part(name=name, length=self._length, sha256=self._digest.hexdigest())


def open_head(file: BinaryIO, kid: str, private: rsa.RSAPrivateKey) -> Head:
    """Read the head of a file. ArchiveRefused: it is none, or it is sealed to other keys."""
    if file.read(len(FORMAT)) != FORMAT:
        raise ArchiveRefused("this is no backup that this version reads")
    line = file.readline(LONGEST_HEAD)
    try:
        listed = read_json_object(line)["recipients"]
        encrypted = {one["kid"]: decode_base64url(one["encrypted_key"]) for one in listed}
        if kid not in encrypted:
            names = ", ".join(sorted(encrypted))
            raise ArchiveRefused(f"the backup is sealed to other keys ({names}), not to {kid}")
        key = content_keys.open_with(private, encrypted[kid])
    except (Malformed, DecryptionFailed, KeyError, TypeError):
        raise ArchiveRefused("the head of the backup was altered") from None
    return Head(FORMAT + line, key)


def _read_frame(file: BinaryIO, key: bytes, place: bytes) -> Frame:
    length = int.from_bytes(file.read(LENGTH_BYTES), "big")
    if length > LONGEST_FRAME:
        raise ArchiveRefused("the backup was altered")
    sealed = file.read(length)
    if not sealed or len(sealed) < length:
        raise ArchiveRefused("the backup ends before its end: it was broken off, or cut")
    try:
        content = at_rest.unseal(key, sealed, place)
    except DecryptionFailed:
        raise ArchiveRefused("the backup was altered") from None
    return content[:1], content[1:]


def _place(head: bytes, number: int) -> bytes:
    """What a frame is bound to."""
    return b"throughcare backup frame\x00" + head + number.to_bytes(8, "big")
