"""PDQ hashes are those of the reference, and find pictures that look the same, whichever way round they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from eyeward.images.pdq import FARTHEST, PdqList, pdq_hash

REFERENCE = {
    (1, 300, 200): "78bb4fd44eea0e898f00e4630fc6f039f0381b9c70ffb136b911870b9b5c931e",
    (2, 64, 64): "c36ead6c139bda79a51d9b6025809a78d27f6c9f52e225a6e46446b370c925f8",
    (3, 23, 313): "f83b24dc07a842bc2d24bb65ee557c3c11aa4498d2dbad41f857d223937724f9",
    (4, 1012, 1211): "d67bd3e225b8a57ce4df13f36c8683f89379e80c97205283d247ec1d138564a9",
    (5, 2500, 150): "8f9725e18f90469fec68d216f87c07830f8325e99b17b16078dfd24d138f52a9",
    (6, 1999, 1200): "56aa53e6708e66f6b975ec0331d5c622c62e13fc468abb098771ad19ad4df046",
}
"""What `pdqhash` 0.2.8, Meta's own code behind Python, says of the pictures below."""
NOWHERE = "0f" * 32


def picture(seed: int, width: int, height: int) -> Image.Image:
    """Draw soft spots of colour, the same for the same seed."""
    spots = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC)


def apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("what", REFERENCE, ids=str)
def test_hashes_are_those_of_the_reference(what: tuple[int, int, int]) -> None:
    assert apart(pdq_hash(picture(*what)), REFERENCE[what]) <= (2 if max(what) < 2048 else 8)


@pytest.mark.parametrize("way", [None, *Image.Transpose])
def test_a_picture_is_found_whichever_way_round_it_is(way: Image.Transpose | None) -> None:
    listed = PdqList([NOWHERE, pdq_hash(picture(1, 300, 200))])
    seen = picture(1, 300, 200)
    assert listed.match(seen if way is None else seen.transpose(way)) == pdq_hash(seen)


def test_a_picture_is_found_when_it_is_smaller_or_compressed_and_others_are_not() -> None:
    original = picture(2, 640, 480)
    listed = PdqList([pdq_hash(original)])
    file = io.BytesIO()
    original.resize((200, 170)).save(file, "JPEG", quality=40)
    assert listed.match(Image.open(file)) == pdq_hash(original)
    assert [listed.match(picture(seed, 300, 200)) for seed in range(3, 30)] == [None] * 27


def test_the_nearest_of_several_counts_and_one_bit_too_many_does_not() -> None:
    asked = picture(4, 300, 200)
    hash = int(pdq_hash(asked), 16)
    near, edge, beyond = (f"{hash ^ ((1 << bits) - 1):064x}" for bits in (3, FARTHEST, FARTHEST + 1))
    assert PdqList([beyond]).match(asked) is None
    assert PdqList([beyond, edge]).match(asked) == edge
    assert PdqList([beyond, edge, near]).match(asked) == near


def test_long_lists_are_looked_at_to_their_end() -> None:
    random = np.random.default_rng(0)
    asked = picture(5, 300, 200)
    many = [random.bytes(32).hex() for _ in range(70_000)]
    assert PdqList(many).match(asked) is None
    assert PdqList([*many, pdq_hash(asked)]).match(asked) == pdq_hash(asked)
    assert (len(PdqList([])), PdqList([]).match(asked)) == (0, None)


@pytest.mark.parametrize("size", [(1, 1), (3, 3000), (4, 4)])
def test_pictures_of_any_size_and_mode_have_a_hash(size: tuple[int, int]) -> None:
    assert len(pdq_hash(Image.new("L", size, 90))) == 64
    assert pdq_hash(Image.new("RGB", size, (90, 90, 90))) == "0" * 64, "one colour is no noise"
