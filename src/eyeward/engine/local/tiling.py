"""Any-resolution tiling: which tiles an image is cut into, and which of their features a language model reads.

The geometry of LLaVA-NeXT and LLaVA-OneVision (arXiv 2408.03326, section 3.2) in the exact arithmetic of transformers,
rounding included. Sizes are (height, width) everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

Size = tuple[int, int]


@dataclass(frozen=True)
class Tiling:
    """The plan for one image size: base view first, then `grid` tiles row by row."""

    grid: Size
    """Tiles down and across."""
    resized: Size
    """Pixels of the image inside the grid, aspect ratio kept."""
    top: int
    """Black rows of pixels above the image; below it as many, or one more."""
    left: int
    """Black columns of pixels to its left."""
    cut: Size
    """Feature rows cut off above and below, feature columns cut off left and right: they show padding only."""
    kept: Size
    """Feature rows and columns that remain after the cut."""
    pooled: Size | None
    """The size to which remaining features are shrunk (bilinear) where they are too many, else None."""

    @property
    def tiles(self) -> int:
        """Count the views that the vision tower sees, the base view among them."""
        return 1 + self.grid[0] * self.grid[1]

    @property
    def grid_tokens(self) -> int:
        """Count the features after those of the base view: each row ends with one newline feature."""
        rows, columns = self.pooled or self.kept
        return rows * (columns + 1)


@lru_cache(maxsize=4096)
def plan_tiles(size: Size, pinpoints: tuple[Size, ...], tile_size: int, patches: int, max_tiles: int | None) -> Tiling:
    """Plan an image of `size` pixels.

    `pinpoints` are the allowed grids in pixels, `patches` the features along a side of a tile; features worth more than
    `max_tiles` tiles are shrunk (the 9 of `anyres_max_9`); none are where it is None.
    """
    target = best_pinpoint(size, pinpoints)
    resized = _fit(size, target)
    grid = target[0] // tile_size, target[1] // tile_size
    whole = patches * grid[0], patches * grid[1]
    cut = _padding_features(size, whole)
    kept = whole[0] - 2 * cut[0], whole[1] - 2 * cut[1]
    ratio = math.sqrt(kept[0] * kept[1] / (max_tiles * patches**2)) if max_tiles else 1.0
    return Tiling(
        grid=grid,
        resized=resized,
        top=(target[0] - resized[0]) // 2,
        left=(target[1] - resized[1]) // 2,
        cut=cut,
        kept=kept,
        pooled=(int(kept[0] // ratio), int(kept[1] // ratio)) if ratio > 1.1 else None,
    )


def best_pinpoint(size: Size, pinpoints: tuple[Size, ...]) -> Size:
    """Choose the grid that keeps most of the image's pixels; among equals the one that wastes least; then the first."""
    height, width = size
    best, most_kept, least_wasted = pinpoints[0], -1, 0
    for pinpoint in pinpoints:
        scale = min(pinpoint[1] / width, pinpoint[0] / height)
        kept = min(int(width * scale) * int(height * scale), height * width)
        wasted = pinpoint[0] * pinpoint[1] - kept
        if kept > most_kept or (kept == most_kept and wasted < least_wasted):
            best, most_kept, least_wasted = pinpoint, kept, wasted
    return best


def _fit(size: Size, target: Size) -> Size:
    """Give the largest size of the same shape that fits into `target`, rounded up."""
    scale_height, scale_width = target[0] / size[0], target[1] / size[1]
    if scale_width < scale_height:
        return min(math.ceil(size[0] * scale_width), target[0]), target[1]
    return target[0], min(math.ceil(size[1] * scale_height), target[1])


def _padding_features(size: Size, whole: Size) -> Size:
    """Count the feature rows and columns to cut at each side; rounding to seven places is part of the reference."""
    if size[1] / size[0] > whole[1] / whole[0]:
        height = int(round(size[0] * (whole[1] / size[1]), 7))
        return (whole[0] - height) // 2, 0
    width = int(round(size[1] * (whole[0] / size[0]), 7))
    return 0, (whole[1] - width) // 2
