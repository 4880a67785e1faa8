"""From prepared images to the features that take the place of image tokens in a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from eyeward.engine.local.preparation import PreparedImage
from eyeward.engine.local.tiling import Tiling
from eyeward.errors import CheckpointError

TILES_AT_ONCE = 64
"""Tiles that go through the vision tower together; bounds memory, changes no result."""

LEAST_SPREAD = 1e-3
"""Added to a standard deviation before its logarithm is taken."""
NEWLINE = -1
"""Index of the newline feature: it stands behind all others."""


def encode_images(model: Any, images: Sequence[PreparedImage]) -> list[torch.Tensor]:
    """Give each image's features, [tokens, hidden], as many as `image_token_count` says, in the order of the tokens.

    Equal to transformers' `get_image_features`, but that a tile which repeats the base view is computed once.
    """
    return encode_images_and_layers(model, images, ())[0]


def encode_images_and_layers(
    model: Any,
    images: Sequence[PreparedImage],
    layers: Sequence[int],
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Give the features of `encode_images` and, for each image, the state of its base view after vision `layers`.

    For each layer (0: the embeddings) these are the means over the patches of the base view, then the logarithms of the
    standard deviations over them: [images, layers * 2 * vision width], float32.
    """
    wanted = [image.tiles[:1] if image.repeats_base else image.tiles for image in images]
    starts = [0]
    for tiles in wanted:
        starts.append(starts[-1] + len(tiles))
    features, states = encode_tiles(model, [tile for tiles in wanted for tile in tiles], starts[:-1], layers)
    vision: Any = model.config.vision_config
    patches = vision.image_size // vision.patch_size
    if len(images) and features.shape[1] != patches**2:
        raise CheckpointError(
            f"The vision tower gives {features.shape[1]} features a tile where {patches**2} are needed: "
            "vision_feature_select_strategy in config.json does not fit this tower."
        )
    newline = model.model.image_newline.to(features)
    rows = torch.cat((features.flatten(0, 1), newline[None]))

    packed = []
    for image, start in zip(images, starts, strict=False):
        index = torch.from_numpy(_token_index(image.tiling, patches, image.repeats_base)).to(rows.device)
        chosen = rows[torch.where(index == NEWLINE, len(rows) - 1, index + start * patches**2)]
        packed.append(chosen if image.tiling.pooled is None else _shrink(chosen, image.tiling, patches, newline))
    return packed, states


def encode_tiles(
    model: Any, tiles: Sequence[Any], bases: Sequence[int], layers: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run vision tower and projector over `tiles`, [tiles, patches, hidden]; give the states of the tiles `bases`."""
    vision = model.model.vision_tower
    settings = model.config
    chosen = settings.vision_feature_layer
    chosen = [chosen] if isinstance(chosen, int) else list(chosen)
    drop_first = settings.vision_feature_select_strategy == "default"
    patches = (settings.vision_config.image_size // settings.vision_config.patch_size) ** 2
    is_base = set(bases)
    features, states = [], []
    for start in range(0, len(tiles), TILES_AT_ONCE):
        batch = torch.stack([torch.from_numpy(tile) for tile in tiles[start : start + TILES_AT_ONCE]])
        batch = batch.to(device=vision.device, dtype=vision.dtype)
        hidden = vision(batch, output_hidden_states=[*chosen, *layers], return_dict=True).hidden_states
        selected = torch.cat([hidden[layer] for layer in chosen], dim=-1)
        features.append(model.model.multi_modal_projector(selected[:, 1:] if drop_first else selected))
        if layers:
            kept = [place for place in range(len(batch)) if start + place in is_base]
            states.append(torch.cat([pooled(hidden[layer][kept, -patches:].float()) for layer in layers], dim=-1))
    if not features:
        return torch.empty(0, 0, settings.text_config.hidden_size), torch.empty(0, 0)
    return torch.cat(features), torch.cat(states) if states else torch.empty(len(bases), 0)


def pooled(states: torch.Tensor) -> torch.Tensor:
    """Give mean and logarithm of the spread over the patches of states [images, patches, width]."""
    return torch.cat((states.mean(dim=1), (states.std(dim=1, correction=0) + LEAST_SPREAD).log()), dim=-1)


@lru_cache(maxsize=256)
def _token_index(tiling: Tiling, patches: int, repeats_base: bool) -> Any:
    """For every image token, the place of its feature among those of the image's tiles, or NEWLINE.

    Where features are to be shrunk, those of the grid are given without newlines.
    """
    import numpy as np

    rows, columns = tiling.grid
    places = np.arange(rows * columns * patches**2, dtype=np.int64).reshape(rows, columns, patches, patches)
    places += 0 if repeats_base else patches**2
    grid = places.transpose(0, 2, 1, 3).reshape(rows * patches, columns * patches)
    (top, left), (height, width) = tiling.cut, tiling.kept
    grid = grid[top : top + height, left : left + width]
    if tiling.pooled is None:
        grid = np.concatenate((grid, np.full((height, 1), NEWLINE, dtype=np.int64)), axis=1)
    return np.concatenate((np.arange(patches**2, dtype=np.int64), grid.reshape(-1)))


def _shrink(features: torch.Tensor, tiling: Tiling, patches: int, newline: torch.Tensor) -> torch.Tensor:
    """Shrink the features behind the base view to `tiling.pooled` and end each row with a newline."""
    assert tiling.pooled is not None
    base, grid = features[: patches**2], features[patches**2 :]
    planes = grid.view(*tiling.kept, -1).permute(2, 0, 1)[None]
    shrunk = torch.nn.functional.interpolate(planes, tiling.pooled, mode="bilinear")[0].permute(1, 2, 0)
    ends = newline.expand(tiling.pooled[0], 1, -1)
    return torch.cat((base, torch.cat((shrunk, ends), dim=1).flatten(0, 1)))
