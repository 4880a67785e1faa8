"""LLaVA-NeXT, also called LLaVA-1.6: LlavaGuard v1.0 of 34B. Tiles as in LLaVA-OneVision, never shrunk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyeward.engine.local.families.llava import square_side
from eyeward.engine.local.families.onevision import OneVision
from eyeward.engine.local.normalising import pixel_settings
from eyeward.engine.local.preparation import PreparationConfig, grid_pinpoints, read_settings, understood
from eyeward.engine.local.resizing import Resizing, pillow_only


@dataclass(frozen=True)
class LlavaNext(OneVision):
    """A base view, a grid of tiles, and a newline feature behind each row of features."""

    @classmethod
    def read(cls, folder: Path, resizing: Resizing) -> LlavaNext:
        """Read the files of a checkpoint that speak of images."""
        pillow_only(resizing, folder)
        model, _, images = read_settings(folder)
        with understood(folder):
            return cls(PreparationConfig.model_validate(_settings(model, images)))

    def model_class(self) -> Any:
        """Return transformers' class."""
        from transformers import LlavaNextForConditionalGeneration

        return LlavaNextForConditionalGeneration


def _settings(model: dict[str, Any], images: dict[str, Any]) -> dict[str, Any]:
    side = square_side(model, images)
    size = images.get("size", side)
    asked = {size} if isinstance(size, int) else {int(value) for value in size.values() if value}
    if asked != {side}:
        raise ValueError(f"the image size {size} is not the vision tower's {side}")
    strategy = model.get("vision_feature_select_strategy", "default")
    if strategy != "default":
        raise ValueError(f"vision_feature_select_strategy is {strategy!r}, so that features are no squares of patches")
    return {
        "tile_size": side,
        "patch_size": int(model["vision_config"]["patch_size"]),
        "grid_pinpoints": grid_pinpoints(model, images),
        "max_tiles": None,
    } | pixel_settings(images)
