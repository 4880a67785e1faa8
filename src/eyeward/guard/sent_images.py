"""How large images have to be for a model behind a server: as large as it uses, told from its checkpoint's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt
from pathlib import Path
from typing import Any

from eyeward.engine.local.preparation import grid_pinpoints, read_settings, understood
from eyeward.errors import CheckpointError

_LONGEST_LLAVA, _LONGEST_QWEN = 100, 200
"""How many times longer than wide an image may be that these models read at all."""
_ROOM = 2
"""Times the pixels that Qwen2.5-VL uses: what is left to shrink then, it rounds as it would have from the original."""

_LEAST = 16
"""A smaller bound is a mistake in a file."""

Bounds = dict[str, int]
"""Fields of `RemoteSettings`."""


def image_bounds(folder: Path) -> Bounds:
    """Return what bounds images without loss to the model of a folder; nothing where its files do not say.

    Torch is not needed, unlike for the families of the local engine, whose reading of the same files this follows.
    """
    try:
        model, _, images = read_settings(folder)
        with understood(folder):
            bounds = _BOUNDS.get(str(model.get("model_type")))
            found = {} if bounds is None else bounds(model, images)
            return found if all(value >= _LEAST for value in found.values()) else {}
    except CheckpointError:
        return {}


def _tiles(model: Mapping[str, Any], images: Mapping[str, Any]) -> Bounds:
    """The largest grid of tiles, along its longer side."""
    return {"largest_side": max(max(grid) for grid in grid_pinpoints(dict(model), dict(images)))}


def _square(model: Mapping[str, Any], images: Mapping[str, Any]) -> Bounds:
    """One picture: the whole image inside of it, or the shorter side across it and the middle cut out, or squeezed."""
    side = int(model["vision_config"]["image_size"])
    if images.get("do_pad"):
        return {"largest_side": side}
    return {"shorter_side": side, "largest_side": _LONGEST_LLAVA * side}


def _area(model: Mapping[str, Any], images: Mapping[str, Any]) -> Bounds:
    """As many pixels, in any shape."""
    used = images.get("max_pixels") or (images.get("size") or {}).get("longest_edge") or 28 * 28 * 1280
    most = _ROOM * int(used)
    return {"most_pixels": most, "largest_side": isqrt(_LONGEST_QWEN * most)}


_BOUNDS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Bounds]] = {
    "llava": _square,
    "llava_next": _tiles,
    "llava_onevision": _tiles,
    "qwen2_5_vl": _area,
}
"""By model type."""
