"""Images in every form that pipelines give them: what a guard sees of them, and what replaces them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from eyeward.errors import ErrorType, UsageError
from eyeward.moderate.batches import as_picture, batch_of
from eyeward.verdict import Failure

SHAPE = (4, 6)


def levels(of: object, place: int = 0) -> list[int]:
    """Return the level of the first pixel of what a guard would see."""
    pixel = as_picture(batch_of(of).pictures()[place]).convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return list(pixel)


def test_arrays_from_0_to_1() -> None:
    array = np.zeros((2, *SHAPE, 3), np.float32)
    array[1, ..., 0] = 1.0
    assert levels(array) == [0, 0, 0]
    assert levels(array, 1) == [255, 0, 0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_arrays_in_8_bits(channels: int) -> None:
    array = np.full((1, *SHAPE, channels), 77, np.uint8)
    array[..., 3:] = 255
    assert levels(array) == [77] * 3


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_from_0_to_1(kind: torch.dtype) -> None:
    assert levels(torch.full((1, 3, *SHAPE), 0.5, dtype=kind))[0] in (127, 128)
    assert levels(torch.ones((1, 1, *SHAPE), dtype=kind)) == [255] * 3


def test_tensors_from_minus_1_are_read_as_decoders_write_them() -> None:
    tensor = torch.stack([torch.full((3, *SHAPE), level) for level in (-1.0, 0.0, 1.0, 1.7)])
    seen = [as_picture(image).getpixel((0, 0)) for image in batch_of(tensor, lowest=-1.0).pictures()]
    assert seen == [(0,) * 3, (128,) * 3, (255,) * 3, (255,) * 3]


@pytest.mark.parametrize(
    "broken",
    [
        torch.full((1, 3, *SHAPE), float("nan")),
        torch.full((1, 3, *SHAPE), float("inf")),
        torch.full((1, 3, *SHAPE), 1.2),
        np.full((1, *SHAPE, 3), -0.5),
        np.full((1, *SHAPE, 3), 255.0),
    ],
)
def test_levels_that_are_no_picture_are_a_failure_of_that_image(broken: object) -> None:
    (found,) = batch_of(broken).pictures()
    assert isinstance(found, Failure)
    assert found.type is ErrorType.unsupported_format


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros((1, 4, 8, 8)),  # latents
        torch.zeros((1, 16, 8, 8)),
        torch.zeros((3, 8, 8)),
        torch.zeros((1, 3, 8, 8), dtype=torch.int64),
        np.zeros((1, 3, 8, 8)),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((1, 8, 8, 3), np.int32),
        [np.zeros((8, 8, 3))],
        [[Image.new("RGB", (8, 8))]],
        ["text"],
        None,
        "images",
        Image.new("RGB", (8, 8)),
    ],
    ids=[
        "latents",
        "more latents",
        "no batch",
        "whole numbers",
        "array with channels first",
        "array that is no batch",
        "array of whole numbers",
        "list of arrays",
        "nested",
        "list of texts",
        "nothing",
        "text",
        "picture",
    ],
)
def test_anything_else_is_refused(other: object) -> None:
    with pytest.raises(UsageError, match="nothing is given out"):
        batch_of(other)


def forms() -> list[Any]:
    pictures = [Image.new("RGB", (6, 4), (level,) * 3) for level in (10, 100, 200)]
    array = np.stack([np.asarray(picture) for picture in pictures])
    tensor = torch.from_numpy(array / 255).permute(0, 3, 1, 2).float()
    return [pictures, array, (array / 255).astype(np.float32), tensor, list(tensor), tensor.to(torch.float16)]


@pytest.mark.parametrize("images", forms(), ids=lambda images: type(images).__name__)
def test_others_are_put_in_their_places_in_the_same_form(images: Any) -> None:
    batch = batch_of(images)
    changed = batch.replaced({0: None, 1: Image.new("RGB", (6, 4), (200, 0, 0))})
    assert type(changed.images) is type(images)
    seen = [as_picture(image).convert("RGB").getpixel((5, 3)) for image in changed.pictures()]
    assert seen == [(0, 0, 0), (200, 0, 0), (200, 200, 200)]
    left = [as_picture(image).convert("RGB").getpixel((0, 0)) for image in changed.kept([2, 0]).pictures()]
    assert left == [(200, 200, 200), (0, 0, 0)]
    before = [as_picture(image).convert("RGB").getpixel((0, 0)) for image in batch.pictures()]
    assert before == [(10,) * 3, (100,) * 3, (200,) * 3]  # the original is as it was


def test_no_images_are_no_images() -> None:
    assert batch_of([]).pictures() == []
    assert batch_of(np.zeros((0, 8, 8, 3))).pictures() == []
