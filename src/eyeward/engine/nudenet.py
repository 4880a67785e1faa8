"""Runs NudeNet, a detector of parts of the human body whose ONNX weights come inside its package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeward.engine.protocol import Capabilities, Prompt, RawAnswer
from eyeward.engine.scored_labels import answer_of
from eyeward.errors import ErrorType, MissingExtra
from eyeward.verdict import Failure

LEAST_SCORE = 0.2
"""The package reports no finding below this score."""


class Detector(Protocol):
    """What is used of the package's `NudeDetector`."""

    def detect(self, image: NDArray[np.uint8]) -> Sequence[Mapping[str, object]]:
        """Return findings, each with `class` and `score`, in pixels as OpenCV has them: blue first."""
        ...


class NudeNetEngine:
    """Scores each label by its surest finding, and with 0 where there is none."""

    capabilities = Capabilities(
        label_scores=True,
        constrained_text=True,
        shared_prefix=False,
        images_per_prompt=1,
        context_length=0,
        prompts_at_once=8,
    )

    def __init__(self, detector: Detector | None = None) -> None:
        """Find the package; its weights load with the first image.

        Raises:
            MissingExtra: when it is not installed.
        """
        self._given = detector
        try:
            self.version = version("nudenet")
        except PackageNotFoundError:
            raise MissingExtra("nudenet", "The guard 'nudenet'") from None

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; what goes wrong is in the answer."""
        for prompt in prompts:
            try:
                yield self._answer(prompt)
            except Exception as error:
                message = f"NudeNet failed: {type(error).__name__}: {error}."
                yield RawAnswer(error=Failure(type=ErrorType.internal, message=message))

    def _answer(self, prompt: Prompt) -> RawAnswer:
        (image,) = prompt.images
        scores = {slot.name: 0.0 for slot in prompt.form.label_slots}
        for finding in self._detector.detect(_blue_first(image)):
            label, score = str(finding["class"]), float(str(finding["score"]))
            if label not in scores:
                raise ValueError(f"it found {label!r}, which is none of its labels as they are known here")
            if not 0.0 <= score <= 1.0:  # what is no number would be lost in a comparison
                raise ValueError(f"the score of {label!r} is {score}, which is no probability")
            scores[label] = max(scores[label], score)
        return answer_of(scores)

    @cached_property
    def _detector(self) -> Detector:
        if self._given is not None:
            return self._given
        try:
            from nudenet import NudeDetector
        except ImportError as error:
            raise MissingExtra("nudenet", "The guard 'nudenet'") from error
        loaded: Detector = NudeDetector()
        return loaded


def _blue_first(image: Image.Image) -> NDArray[np.uint8]:
    """Return pixels as OpenCV would have read them from a file: [height, width, 3]."""
    pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)
    return np.ascontiguousarray(pixels[..., ::-1])
