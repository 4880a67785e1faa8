"""Images as pipelines return them: lists of pictures, arrays, tensors; to be judged, and to be replaced."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeward.errors import ErrorType, UsageError
from eyeward.images import ImageSource
from eyeward.moderate.hiding import blank
from eyeward.verdict import Failure

if TYPE_CHECKING:
    import torch

_SLACK = 0.005
"""Levels may lie so far outside of their range, because of rounding."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class Batch(Protocol):
    """Some images in one form."""

    def pictures(self) -> list[ImageSource | Failure]:
        """Return what a guard is to judge, or why there is nothing to judge."""
        ...

    def replaced(self, pictures: Mapping[int, Image.Image | None]) -> Batch:
        """Return a copy with other pictures at some places; None is a black one."""
        ...

    def kept(self, places: Sequence[int]) -> Batch:
        """Return only the images at these places."""
        ...

    @property
    def images(self) -> object:
        """The images in the form in which they came."""
        ...


def batch_of(images: object, lowest: float = 0.0) -> Batch:
    """Recognise images; `lowest` is the level of black in a tensor: 0, or -1 as decoders write it.

    Raises:
        UsageError: when they come in a form that cannot be judged.
    """
    if isinstance(images, np.ndarray):
        return ArrayBatch.of(images)
    if _is_tensor(images):
        return TensorBatch.of(images, lowest)
    if isinstance(images, list | tuple) and all(isinstance(image, Image.Image) for image in images):
        return PictureBatch(tuple(images))
    if isinstance(images, list | tuple) and images and all(_is_tensor(image) for image in images):
        import torch

        return TensorBatch.of(torch.stack(list(images)), lowest, separate=True)
    raise UsageError(
        f"{_described(images)} cannot be judged, so nothing is given out; ask for output_type 'pil', 'np' or 'pt'."
    )


@dataclass(frozen=True)
class PictureBatch:
    """A list of Pillow images."""

    content: tuple[Image.Image, ...]

    def pictures(self) -> list[ImageSource | Failure]:
        """Return them."""
        return list(self.content)

    def replaced(self, pictures: Mapping[int, Image.Image | None]) -> PictureBatch:
        """Put others in their places."""
        new = list(self.content)
        for place, picture in pictures.items():
            new[place] = blank(new[place].size) if picture is None else picture
        return PictureBatch(tuple(new))

    def kept(self, places: Sequence[int]) -> PictureBatch:
        """Keep some."""
        return PictureBatch(tuple(self.content[place] for place in places))

    @property
    def images(self) -> list[Image.Image]:
        """A list."""
        return list(self.content)


@dataclass(frozen=True)
class ArrayBatch:
    """An array [images, height, width, channels], uint8, or floating with levels from 0 to 1."""

    content: NDArray[Any]

    @classmethod
    def of(cls, array: NDArray[Any]) -> ArrayBatch:
        """Refuse other shapes and types."""
        good = array.dtype == np.uint8 or np.issubdtype(array.dtype, np.floating)
        if array.ndim != 4 or array.shape[3] not in _MODES or not good:
            raise UsageError(
                f"{_described(array)} cannot be judged, so nothing is given out; "
                "images are height x width x channels, uint8 or floating."
            )
        return cls(array)

    def pictures(self) -> list[ImageSource | Failure]:
        """Return each image in 8 bits."""
        if self.content.dtype == np.uint8:
            return list(self.content)
        return [_in_8_bits(image.astype(np.float64), 0.0, clip=False) for image in self.content]

    def replaced(self, pictures: Mapping[int, Image.Image | None]) -> ArrayBatch:
        """Write others over a copy."""
        new = self.content.copy()
        for place, picture in pictures.items():
            new[place] = 0 if picture is None else self._levels(picture)
        return ArrayBatch(new)

    def _levels(self, picture: Image.Image) -> NDArray[Any]:
        levels = _channels(picture, self.content.shape[3])
        return levels if self.content.dtype == np.uint8 else (levels / 255).astype(self.content.dtype)

    def kept(self, places: Sequence[int]) -> ArrayBatch:
        """Keep some."""
        return ArrayBatch(self.content[list(places)])

    @property
    def images(self) -> NDArray[Any]:
        """The array."""
        return self.content


@dataclass(frozen=True)
class TensorBatch:
    """A tensor [images, channels, height, width] with levels from `lowest` to 1, or a list of its parts."""

    content: torch.Tensor
    lowest: float
    separate: bool = False

    @classmethod
    def of(cls, tensor: Any, lowest: float, separate: bool = False) -> TensorBatch:
        """Refuse other shapes and types; four channels are latents as likely as they are images."""
        if (
            not _is_tensor(tensor)
            or tensor.ndim != 4
            or tensor.shape[1] not in (1, 3)
            or not tensor.is_floating_point()
        ):
            raise UsageError(
                f"{_described(tensor)} cannot be judged, so nothing is given out; images are floating, "
                "channels x height x width, with one or three channels."
            )
        return cls(tensor, lowest, separate)

    def pictures(self) -> list[ImageSource | Failure]:
        """Return each image in 8 bits; levels from -1 are clipped as pipelines clip them."""
        levels = self.content.detach().cpu().double().permute(0, 2, 3, 1).numpy()
        return [_in_8_bits(image, self.lowest, clip=self.lowest < 0) for image in levels]

    def replaced(self, pictures: Mapping[int, Image.Image | None]) -> TensorBatch:
        """Write others over a copy.

        Black is 0 whatever the range: pipelines with a safety checker leave flagged images as they are.
        """
        import torch

        new = self.content.detach().clone()
        for place, picture in pictures.items():
            if picture is None:
                new[place] = 0
            else:
                levels = torch.from_numpy(_channels(picture, new.shape[1]) / 255).permute(2, 0, 1)
                new[place] = (levels * (1 - self.lowest) + self.lowest).to(new)
        return TensorBatch(new, self.lowest, self.separate)

    def kept(self, places: Sequence[int]) -> TensorBatch:
        """Keep some."""
        return TensorBatch(self.content[list(places)], self.lowest, self.separate)

    @property
    def images(self) -> torch.Tensor | list[torch.Tensor]:
        """The tensor, or the list that it came as."""
        return list(self.content) if self.separate else self.content


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")  # without it nothing is a tensor
    return torch is not None and isinstance(value, torch.Tensor)


def _in_8_bits(levels: NDArray[np.float64], lowest: float, clip: bool) -> ImageSource | Failure:
    """Return levels [height, width, channels] as 0 to 255, or why they are no picture."""
    if not np.isfinite(levels).all():
        return _unjudged("The image holds levels that are no numbers.")
    scaled = (levels - lowest) / (1 - lowest)
    if not clip and levels.size and (scaled.min() < -_SLACK or scaled.max() > 1 + _SLACK):
        return _unjudged(f"The image holds levels from {levels.min():.3g} to {levels.max():.3g}, not from 0 to 1.")
    in_8_bits: NDArray[np.uint8] = np.rint(scaled.clip(0, 1) * 255).astype(np.uint8)
    return in_8_bits


def _unjudged(message: str) -> Failure:
    return Failure(type=ErrorType.unsupported_format, message=message)


def _channels(picture: Image.Image, count: int) -> NDArray[np.uint8]:
    levels = np.asarray(picture.convert(_MODES[count]), dtype=np.uint8)
    return levels[:, :, None] if count == 1 else levels


def _described(images: object) -> str:
    shape = getattr(images, "shape", None)
    kind = f"{type(images).__module__.partition('.')[0]}.{type(images).__qualname__}"
    if shape is not None:
        return f"A {kind} of shape {tuple(shape)}"
    if isinstance(images, list | tuple) and images:
        return f"A {type(images).__qualname__} of {type(images[0]).__qualname__}"
    return f"A {kind}"


def as_picture(image: ImageSource | Failure) -> Image.Image:
    """Return what a batch gave for judging as a Pillow image."""
    if isinstance(image, np.ndarray):
        return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    if isinstance(image, Image.Image):
        return image
    raise UsageError("There is no picture here.")
