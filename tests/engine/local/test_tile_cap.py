"""A cap on tiles gives what transformers gives with fewer grids, and verdicts say that it was there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor

import eyeward
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.families import reference
from eyeward.engine.local.families.llava_next import LlavaNext
from eyeward.engine.local.families.onevision import OneVision
from eyeward.engine.local.preparation import PreparationConfig
from eyeward.engine.local.tile_cap import cap_tiles
from eyeward.errors import UsageError
from eyeward.guard.card import EyewardCard, Probe
from eyeward.guard.loading import load_subject
from eyeward.guard.self_check import Outcome, short_form
from eyeward.verdict import NA, Rating
from tests.engine.local.families.checkpoints import MEAN, STD, make_llava, make_llava_next, make_qwen
from tests.engine.local.families.processing import noise
from tests.engine.local.tiny import make_checkpoint

SIDE = 28
GRIDS = [(SIDE * down, SIDE * across) for down in range(1, 7) for across in range(1, 7)]
NEXT_GRIDS = [(SIDE, SIDE * 2), (SIDE * 2, SIDE), (SIDE * 2, SIDE * 2), (SIDE * 3, SIDE), (SIDE, SIDE * 3)]
WIDE = noise(5, 300, 90)
SIDES = st.integers(1, 500)


NORMALISED: dict[str, Any] = {"image_mean": MEAN, "image_std": STD}


def config(grids: list[tuple[int, int]], max_tiles: int | None = 9) -> PreparationConfig:
    return PreparationConfig(
        tile_size=SIDE,
        patch_size=14,
        grid_pinpoints=tuple(grids),
        max_tiles=max_tiles,
        **NORMALISED,
    )


def reduced(grids: list[tuple[int, int]], most: int) -> list[list[int]]:
    return [[height, width] for height, width in grids if (height // SIDE) * (width // SIDE) <= most]


@given(height=SIDES, width=SIDES, most=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_tiles_and_tokens_equal_those_of_the_processor_with_fewer_grids(height: int, width: int, most: int) -> None:
    grids = reduced(GRIDS, most)
    reference = LlavaOnevisionImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, image_grid_pinpoints=grids, image_mean=MEAN, image_std=STD
    )
    image = noise(1, width, height)
    capped = OneVision(config(GRIDS)).capped(most)
    prepared = capped.prepare(image)
    assert np.array_equal(prepared.tiles, reference(image, return_tensors="np")["pixel_values"][0])
    assert len(prepared.tiles) <= 1 + most
    counter: Any = object.__new__(LlavaOnevisionProcessor)
    counter.image_processor = SimpleNamespace(image_grid_pinpoints=grids)
    counter.num_image_tokens = 4
    counter.vision_aspect_ratio = "anyres_max_9"
    assert capped.token_count(height, width) == counter._get_number_of_features(height, width, SIDE, SIDE)


@given(height=SIDES, width=SIDES, most=st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_tiles_of_llava_next_equal_those_of_its_processor_with_fewer_grids(height: int, width: int, most: int) -> None:
    reference: Any = LlavaNextImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_grid_pinpoints=reduced(NEXT_GRIDS, most),
        image_mean=MEAN,
        image_std=STD,
    )
    image = noise(2, width, height)
    prepared = LlavaNext(config(NEXT_GRIDS, None)).capped(most).prepare(image)
    assert np.array_equal(prepared.tiles, reference(image, return_tensors="np")["pixel_values"][0])


@pytest.mark.parametrize(("make", "most"), [(make_checkpoint, 1), (make_checkpoint, 2), (make_llava_next, 2)])
def test_features_are_those_of_transformers_with_fewer_grids(
    tmp_path: Path, make: Callable[..., Any], most: int
) -> None:
    make(tmp_path)
    whole = load_checkpoint(tmp_path)
    before = whole.family.token_count(WIDE.height, WIDE.width)
    capped = cap_tiles(whole, most)
    prepared = capped.family.prepare(WIDE)
    (tokens,), _ = capped.family.encode(capped.model, [prepared], ())
    expected = reference(capped.family, capped.model, prepared)
    assert len(tokens) == capped.family.token_count(WIDE.height, WIDE.width) <= before
    torch.testing.assert_close(tokens.features, expected, atol=1e-5, rtol=1e-5)


def test_verdicts_under_a_cap_are_those_of_files_with_fewer_grids_and_say_so(tmp_path: Path) -> None:
    for name in ("whole", "fewer"):
        make_checkpoint(tmp_path / name)
    for name in ("config.json", "preprocessor_config.json"):
        file = tmp_path / "fewer" / name
        content = json.loads(file.read_text(encoding="utf-8"))
        content["image_grid_pinpoints"] = [[56, 56]]
        file.write_text(json.dumps(content), encoding="utf-8")
    capped = eyeward.load_guard(tmp_path / "whole", self_check="off", max_tiles=1).assess(WIDE, "default")
    whole, fewer = (
        eyeward.load_guard(tmp_path / name, self_check="off").assess(WIDE, "default") for name in ("whole", "fewer")
    )
    assert capped.p_unsafe_raw == fewer.p_unsafe_raw != whole.p_unsafe_raw
    assert (capped.model.engine, whole.model.engine) == ("local(max_tiles=1)", "local")
    assert capped.model.revision == whole.model.revision


def test_a_cap_that_takes_nothing_away_leaves_no_mark(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    assert eyeward.load_guard(tmp_path, self_check="off", max_tiles=4).model.engine == "local"
    assert eyeward.load_guard("mini", max_tiles=1).model.engine == "local"


def test_the_self_check_counts_under_the_cap_and_leaves_known_answers_out(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    probe = Probe(image="lost.png", rating=Rating.Safe, category=NA, p_unsafe_raw=0.0)
    EyewardCard(name="tiny", probes=(probe,)).write(tmp_path)
    found = {finding.check: finding for finding in short_form(load_subject(tmp_path, max_tiles=1))}
    assert found["image tokens"].outcome is Outcome.passed
    assert found["known answers"].detail == "its answers were stored without max_tiles"
    assert "label mass" in found
    whole = {finding.check: finding for finding in short_form(load_subject(tmp_path, max_tiles=4))}
    assert whole["known answers"].outcome is Outcome.failed
    assert "label mass" not in whole


@pytest.mark.parametrize(
    ("make", "most", "said"),
    [
        (make_checkpoint, 0, "at least 1 tile of each image; use 1 or more"),
        (make_llava_next, 1, "at least 2 tiles of each image; use 2 or more"),
        (make_llava, 2, "no meaning for LLaVA-1.5"),
        (make_qwen, 2, r"max_pixels in preprocessor_config.json caps .* 28 x 28 pixels \(now 12,544 pixels\)"),
    ],
)
def test_a_cap_that_a_family_cannot_keep_is_wrong_usage(
    tmp_path: Path, make: Callable[..., Any], most: int, said: str
) -> None:
    make(tmp_path)
    with pytest.raises(UsageError, match=said):
        eyeward.load_guard(tmp_path, max_tiles=most)


def test_a_cap_for_weights_behind_a_server_is_wrong_usage() -> None:
    for name, engine in (("http://127.0.0.1:9/v1", "auto"), ("mini", "http://127.0.0.1:9/v1"), ("mini", "vllm")):
        with pytest.raises(UsageError, match="max_tiles is for weights that run in this process"):
            eyeward.load_guard(name, engine=engine, max_tiles=1)
