"""Published vectors (RFC 6962 test data of Certificate Transparency) and all sizes to 70."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log import merkle
from app.access_log.merkle import Frontier, ProofRefused

LEAVES = [
    merkle.leaf_hash(bytes.fromhex(text))
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# (index, size): the path
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
# (old size, new size): the proof
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}

SIZES = range(71)
MANY = [merkle.leaf_hash(bytes([number])) for number in SIZES]


def definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it, by recursion: an oracle beside the iterative code."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + definition(leaves[:half]) + definition(leaves[half:])).digest()


MANY_ROOTS = [definition(MANY[:size]) for size in SIZES]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int) -> None:
    proof = merkle.inclusion_proof(LEAVES[:size], index)
    assert [node.hex() for node in proof] == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(old: int, new: int) -> None:
    proof = merkle.consistency_proof(LEAVES[:new], old)
    assert [node.hex() for node in proof] == CONSISTENCY[old, new]


def test_roots_of_all_sizes_are_as_the_rfc_defines_them() -> None:
    assert [merkle.root(MANY[:size]) for size in SIZES] == MANY_ROOTS


def test_a_frontier_grows_to_the_same_roots() -> None:
    frontier = Frontier()
    for size in SIZES:
        assert (frontier.size, frontier.root) == (size, MANY_ROOTS[size])
        frontier = frontier.append(MANY[size])


@given(first=st.integers(0, 70), second=st.integers(0, 70))
def test_a_frontier_may_grow_in_any_steps_and_be_stored_between(first: int, second: int) -> None:
    half, whole = sorted((first, second))
    stored = Frontier().extend(MANY[:half]).to_bytes()
    assert Frontier.from_bytes(half, stored).extend(MANY[half:whole]).root == MANY_ROOTS[whole]


def test_stored_peaks_must_fit_the_size() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Frontier.from_bytes(3, bytes(32))
    with pytest.raises(ValueError, match="one peak"):
        Frontier(2, ())


@pytest.mark.parametrize("size", SIZES[1:])
def test_every_inclusion_proof_verifies_and_no_other_index_or_size_does(size: int) -> None:
    for index in range(size):
        proof = merkle.inclusion_proof(MANY[:size], index)
        merkle.verify_inclusion(
            MANY[index], index=index, size=size, proof=proof, root=MANY_ROOTS[size]
        )
        for wrong in {(index + 1, size), (index - 1, size), (index ^ 1, size)} - {(index, size)}:
            with pytest.raises(ProofRefused):
                merkle.verify_inclusion(
                    MANY[index], index=wrong[0], size=wrong[1], proof=proof, root=MANY_ROOTS[size]
                )


@pytest.mark.parametrize("new", SIZES)
def test_every_consistency_proof_verifies_and_no_other_root_does(new: int) -> None:
    for old in range(new + 1):
        proof = merkle.consistency_proof(MANY[:new], old)
        merkle.verify_consistency(
            old_size=old,
            new_size=new,
            old_root=MANY_ROOTS[old],
            new_root=MANY_ROOTS[new],
            proof=proof,
        )
        for old_root, new_root in (
            (bytes(32), MANY_ROOTS[new]),
            (MANY_ROOTS[old], bytes(32)) if old else (bytes(32), bytes(32)),
        ):
            with pytest.raises(ProofRefused):
                merkle.verify_consistency(
                    old_size=old, new_size=new, old_root=old_root, new_root=new_root, proof=proof
                )


@given(data=st.data())
def test_a_changed_cut_or_longer_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    proof = list(merkle.consistency_proof(MANY[:new], old))
    where = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[where][0] ^ 1]) + proof[where][1:]
    for wrong in (
        [*proof[:where], flipped, *proof[where + 1 :]],
        proof[:where] + proof[where + 1 :],
        [*proof, bytes(32)],
        [*proof[:where], proof[where][:-1], *proof[where + 1 :]],
    ):
        with pytest.raises(ProofRefused):
            merkle.verify_consistency(
                old_size=old,
                new_size=new,
                old_root=MANY_ROOTS[old],
                new_root=MANY_ROOTS[new],
                proof=wrong,
            )


@given(data=st.data())
def test_a_changed_cut_or_longer_path_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    proof = list(merkle.inclusion_proof(MANY[:size], index))
    where = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[where][0] ^ 1]) + proof[where][1:]
    for wrong in (
        [*proof[:where], flipped, *proof[where + 1 :]],
        proof[:where] + proof[where + 1 :],
        [*proof, bytes(32)],
    ):
        with pytest.raises(ProofRefused):
            merkle.verify_inclusion(
                MANY[index], index=index, size=size, proof=wrong, root=MANY_ROOTS[size]
            )


def test_an_older_tree_larger_than_the_newer_is_refused() -> None:
    with pytest.raises(ProofRefused, match="larger"):
        merkle.verify_consistency(
            old_size=3, new_size=2, old_root=MANY_ROOTS[3], new_root=MANY_ROOTS[2], proof=()
        )
    with pytest.raises(ValueError, match="larger"):
        merkle.consistency_ranges(3, 2)


def test_no_proof_is_made_for_an_index_outside() -> None:
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_ranges(3, 3)


def test_an_empty_proof_is_refused_where_one_is_needed() -> None:
    with pytest.raises(ProofRefused, match="short"):
        merkle.verify_consistency(
            old_size=3, new_size=5, old_root=MANY_ROOTS[3], new_root=MANY_ROOTS[5], proof=()
        )


def test_trivial_proofs_must_be_empty() -> None:
    with pytest.raises(ProofRefused, match="long"):
        merkle.verify_consistency(
            old_size=3,
            new_size=3,
            old_root=MANY_ROOTS[3],
            new_root=MANY_ROOTS[3],
            proof=(bytes(32),),
        )
