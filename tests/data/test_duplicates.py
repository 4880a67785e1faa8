from __future__ import annotations

import io
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from eyeward.data.duplicates import MOST_NEAR_BITS, Groups, near_pairs
from eyeward.errors import UsageError
from eyeward.images import grey_thumbnail, perceptual_hash
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from tests.data.drawn import encoded, picture


@st.composite
def clustered(draw: st.DrawFn) -> list[int]:
    """Draw hashes around a few centres, so that many lie about as far apart as counts."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    turned = st.sets(st.integers(0, 63), max_size=9)
    hashes = []
    for centre, bits in draw(st.lists(st.tuples(st.sampled_from(centres), turned), max_size=12)):
        hashes.append(centre ^ sum(1 << bit for bit in bits))
    return hashes


@settings(deadline=None)
@given(clustered(), st.integers(0, MOST_NEAR_BITS))
def test_the_groups_are_those_of_comparing_all(hashes: list[int], bits: int) -> None:
    found = list(near_pairs(np.array(hashes, dtype=np.uint64), bits=bits))
    all_pairs = [(i, j) for i, j in combinations(range(len(hashes)), 2) if (hashes[i] ^ hashes[j]).bit_count() <= bits]
    assert len(found) == len(set(found))
    assert set(found) <= set(all_pairs)
    groups, expected = Groups(len(hashes)), Groups(len(hashes))
    groups.join(found)
    expected.join(all_pairs)
    assert [groups.of(item) for item in range(len(hashes))] == [expected.of(item) for item in range(len(hashes))]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=30), st.randoms())
def test_groups_do_not_depend_on_the_order_of_pairs(pairs: list[tuple[int, int]], chance: object) -> None:
    groups, shuffled = Groups(21), Groups(21)
    groups.join(pairs)
    shuffled.join(reversed(pairs))
    assert [groups.of(item) for item in range(21)] == [shuffled.of(item) for item in range(21)]
    for one, other in pairs:
        assert groups.of(one) == groups.of(other) <= min(one, other)


def pairs_among(pictures: list[Image.Image]) -> list[tuple[int, int]]:
    hashes = np.array([perceptual_hash(image) for image in pictures], dtype=np.uint64)
    thumbnails = np.array([np.frombuffer(grey_thumbnail(image), np.uint8) for image in pictures])
    return sorted(near_pairs(hashes, thumbnails))


def test_copies_are_found_and_nothing_else() -> None:
    originals = [picture(seed, 160) for seed in range(8)]
    copies = [
        Image.open(io.BytesIO(encoded(originals[0], "JPEG", quality=40))),
        originals[1].resize((90, 70)),
        originals[2].crop((1, 1, 159, 159)),
        ImageEnhance.Brightness(originals[3]).enhance(0.8),
        originals[4].convert("L"),
    ]
    assert pairs_among(originals + copies) == [(0, 8), (1, 9), (2, 10), (3, 11), (4, 12)]


def test_different_scenes_on_the_same_paper_are_no_duplicates() -> None:
    scenes = [paint(sample_scene(seed), 64) for seed in (*range(100), 161, 1137, 263, 322, 146, 624)]
    hashes = [perceptual_hash(image) for image in scenes]
    assert list(near_pairs(np.array(hashes, dtype=np.uint64))) != []  # the last six are pairs by their hashes alone
    assert pairs_among(scenes) == []


def test_pictures_of_one_colour_are_like_each_other_only() -> None:
    pictures = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "white")] + [picture(1)]
    groups = Groups(4)
    groups.join(pairs_among(pictures))
    assert [groups.of(item) for item in range(4)] == [0, 0, 0, 3]


def test_too_many_bits_are_refused() -> None:
    with pytest.raises(UsageError, match="0 to 11 bits"):
        list(near_pairs(np.zeros(2, dtype=np.uint64), bits=12))


def test_a_hundred_thousand_images_are_not_compared_with_each_other() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype=np.uint64)
    hashes[77_777] = hashes[5] ^ np.uint64(0b1011 << 30)
    hashes[50_000:50_400] = hashes[9]  # four hundred blank pages
    start = time.process_time()
    found = list(near_pairs(hashes))
    assert (5, 77_777) in found
    assert len(found) == 401
    assert time.process_time() - start < 60.0  # all pairs: 5 thousand million comparisons


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ([0, 80, 160, 240], [0, 80, 160, 240], True),
        ([0, 80, 160, 240], [20, 60, 100, 140], True),  # darker, and with less contrast
        ([0, 80, 160, 240], [240, 160, 80, 0], False),
        ([100, 100, 101, 100], [0, 80, 160, 240], False),  # nothing is seen on the first
        ([100, 100, 101, 100], [200, 200, 200, 200], True),
    ],
)
@pytest.mark.parametrize("other_hash", [5, 4])
def test_images_of_near_hashes_are_copies_only_if_their_thumbnails_are_alike(
    one: list[int], other: list[int], alike: bool, other_hash: int
) -> None:
    hashes, thumbnails = np.array([5, other_hash], dtype=np.uint64), np.array([one, other], dtype=np.uint8)
    assert list(near_pairs(hashes, thumbnails)) == ([(0, 1)] if alike else [])
