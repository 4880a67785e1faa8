"""LLaVA-OneVision (arXiv 2408.03326): LlavaGuard v1.2 and our own checkpoints. Tiles of any resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from eyeward.engine.local.families.family import ImageTokens, in_line
from eyeward.engine.local.image_features import encode_images_and_layers
from eyeward.engine.local.preparation import PreparationConfig, PreparedImage, image_token_count, prepare_image
from eyeward.engine.local.resizing import Resizing


@dataclass(frozen=True)
class OneVision:
    """A base view, a grid of tiles, and a newline feature behind each row of features."""

    settings: PreparationConfig
    axes: ClassVar[int] = 1

    @classmethod
    def read(cls, folder: Path, resizing: Resizing) -> OneVision:
        """Read the three files of a checkpoint that speak of images."""
        return cls(PreparationConfig.read(folder, resizing))

    def capped(self, most: int) -> Self:
        """Keep the grids of at most so many tiles."""
        return replace(self, settings=self.settings.capped(most))

    def model_class(self) -> Any:
        """Return transformers' class."""
        from transformers import LlavaOnevisionForConditionalGeneration

        return LlavaOnevisionForConditionalGeneration

    def token_count(self, height: int, width: int) -> int:
        """Count the image tokens of an image of this many pixels."""
        return image_token_count(height, width, self.settings)

    def prepare(self, image: Image.Image) -> PreparedImage:
        """Cut an image into tiles."""
        return prepare_image(image, self.settings)

    def encode(
        self, model: Any, images: Sequence[PreparedImage], layers: Sequence[int]
    ) -> tuple[list[ImageTokens], Tensor]:
        """Encode tiles of many images together; a tile that repeats the base view is computed once."""
        features, states = encode_images_and_layers(model, images, layers)
        return [in_line(rows) for rows in features], states

    def inputs(self, images: Sequence[PreparedImage]) -> dict[str, Tensor]:
        """Stack tiles; images with fewer of them have empty ones behind, which the model leaves out."""
        tiles = [torch.from_numpy(image.tiles) for image in images]
        sizes = torch.tensor([[image.height, image.width] for image in images])
        return {"pixel_values": pad_sequence(tiles, batch_first=True), "image_sizes": sizes}
