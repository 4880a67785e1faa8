"""What takes exported samples, whatever the form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from eyeward.data.sample import Sample, Split
from eyeward.images.formats import sniff
from eyeward.images.limits import Limits
from eyeward.images.reading import read_image_file
from eyeward.policy.schema import Policy

UNSPLIT = "unsplit"
"""The side of samples that were given none; `all` means something else to `datasets`."""
SIDES = (*(side.value for side in Split), UNSPLIT)
"""In the order that people expect."""


class LeftOut(Exception):
    """A sample that this form cannot hold."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Item:
    """A sample on its way out."""

    sample: Sample
    policy: Policy
    image: Path

    @property
    def side(self) -> str:
        """The name of its split, which files are named after."""
        return UNSPLIT if self.sample.split is None else self.sample.split.value

    @property
    def inline(self) -> Sample:
        """The sample with its policy in it, for files that stand alone."""
        return self.sample.model_copy(update={"policy": None if self.sample.policy is None else self.policy})

    def read(self) -> bytes:
        """Return the bytes of its image, which are those of an image.

        Raises:
            ImageError: when it is not there, too large, or no image.
        """
        data = read_image_file(self.image, Limits())
        sniff(self.sample.image, data)
        return data


class SideSize(BaseModel):
    """What was written of one side."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int
    bytes: int
    """Of rows, images that stand in them included."""
    files: tuple[str, ...]


class Sink(Protocol):
    """Writes one form into one folder."""

    def write(self, item: Item) -> None:
        """Take a sample.

        Raises:
            LeftOut: when this form cannot hold it.
            ImageError: when its image cannot be read.
        """
        ...

    def finish(self) -> dict[str, SideSize]:
        """Close all files, and return what stands in them by side."""
        ...
