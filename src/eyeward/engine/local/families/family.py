"""What differs between model families: how an image becomes embeddings, and where these stand in the prompt.

The language model behind them is run by `decoding.py` alike for all families.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from PIL import Image
from torch import Tensor

from eyeward.engine.local.resizing import Resizing


@dataclass(frozen=True)
class ImageTokens:
    """An image as the language model reads it."""

    features: Tensor
    """[tokens, width]: what stands in place of the embeddings of image tokens."""
    places: Tensor
    """[axes, tokens], on the CPU: positions, counted from where the image begins."""
    span: int
    """How many positions further the text goes on; less than there are tokens where positions are a grid."""

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.features)


def in_line(features: Tensor) -> ImageTokens:
    """Give features one position each, as text has them."""
    return ImageTokens(features, torch.arange(len(features))[None], len(features))


class Family(Protocol):
    """A family, with what a checkpoint's files say about its images. Frozen; knows the model's class, not its weights.

    `prepare` is what makes an image ready for the model's device: it may run in other threads. What it returns is for
    `encode` and `inputs` of the same family only.
    """

    axes: int
    """Position numbers of a token: one, or three where the rotary embedding has time, height and width."""

    @classmethod
    def read(cls, folder: Path, resizing: Resizing) -> Family:
        """Read what the files of a checkpoint say about images.

        Raises:
            CheckpointError: when they contradict each other, or ask for what the family does not do.
        """
        ...

    @property
    def settings(self) -> Any:
        """How the checkpoint wants its images; a record of the family's own."""
        ...

    def capped(self, most: int) -> Self:
        """Return the same family with at most so many tiles for an image, the base view not counted.

        Raises:
            UsageError: when it cuts no tiles, or has no grid that is as small.
        """
        ...

    def model_class(self) -> Any:
        """Return transformers' class of the whole model."""
        ...

    def token_count(self, height: int, width: int) -> int:
        """Count the image tokens of an image of this many pixels."""
        ...

    def prepare(self, image: Image.Image) -> Any:
        """Make an image ready, bit for bit as transformers' own processor does with Pillow."""
        ...

    def encode(self, model: Any, images: Sequence[Any], layers: Sequence[int]) -> tuple[list[ImageTokens], Tensor]:
        """Run the vision tower over prepared images, and give the states of some of its `layers` (0: the embeddings).

        The states are means over the patches of each image, then logarithms of the standard deviations over them:
        [images, layers * 2 * vision width], float32.
        """
        ...

    def inputs(self, images: Sequence[Any]) -> dict[str, Tensor]:
        """Return prepared images as transformers' model takes them, one a prompt, on the CPU in float32."""
        ...


def reference(family: Family, model: Any, image: Any) -> Tensor:
    """Return the features [tokens, width] that transformers itself makes of a prepared image, for checks."""
    given = {name: values.to(model.device) for name, values in family.inputs([image]).items()}
    given["pixel_values"] = given["pixel_values"].to(model.dtype)
    features: Tensor = model.model.get_image_features(**given).pooler_output[0]
    return features
