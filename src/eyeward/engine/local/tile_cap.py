"""Fewer tiles for each image than the checkpoint would use: fewer tokens, quicker verdicts, less detail."""

from __future__ import annotations

from dataclasses import replace

from eyeward.engine.local.checkpoint import LoadedCheckpoint


def cap_tiles(checkpoint: LoadedCheckpoint, most: int) -> LoadedCheckpoint:
    """Return a checkpoint that cuts images into at most so many tiles; the base view is not counted.

    The configuration of its model is changed too: transformers plans the features of an image by it.

    Raises:
        UsageError: when the family cuts no tiles, or has no grid that is as small.
    """
    family = checkpoint.family.capped(most)
    if family != checkpoint.family:
        checkpoint.model.config.image_grid_pinpoints = [list(grid) for grid in family.settings.grid_pinpoints]
    return replace(checkpoint, family=family)
