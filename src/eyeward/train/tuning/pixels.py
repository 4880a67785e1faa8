"""A limit on pixels that goes with a guard: it is asked about images as large as those that it has learnt from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.engine.local.families.qwen25_vl import Qwen25VL, QwenSettings
from eyeward.engine.local.preparation import read_json
from eyeward.errors import UsageError, described


def shrinking(checkpoint: LoadedCheckpoint, most: int | None) -> LoadedCheckpoint:
    """Return a checkpoint that shrinks images to at most so many pixels; None leaves it as it is.

    Raises:
        UsageError: when its family has no such limit, or when less than one image token would be left.
    """
    if most is None:
        return checkpoint
    family = checkpoint.family
    if not isinstance(family, Qwen25VL):
        raise UsageError("max_pixels is for Qwen2.5-VL; other models cut images into tiles. Leave it out.")
    try:
        settings = QwenSettings.model_validate({**family.settings.model_dump(), "max_pixels": most})
    except ValidationError as problem:
        raise UsageError(f"max_pixels cannot be {most:,}: {described(problem)}.") from None
    return replace(checkpoint, family=replace(family, settings=settings))


def write_limit(folder: Path, most: int | None) -> None:
    """Write the limit into the image settings of a checkpoint, wherever they stand; None changes nothing."""
    for name, inside in (("preprocessor_config.json", None), ("processor_config.json", "image_processor")):
        file = folder / name
        if most is None or not file.is_file():
            continue
        content = read_json(file)
        settings: dict[str, Any] | None = content if inside is None else content.get(inside)
        if settings is None:
            continue
        settings["max_pixels"] = most
        if "longest_edge" in (settings.get("size") or {}):
            settings["size"]["longest_edge"] = most
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
