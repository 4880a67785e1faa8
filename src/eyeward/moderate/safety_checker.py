"""A safety checker for the Stable Diffusion pipelines of diffusers, in the place of the one that they come with.

diffusers saves and loads a component by the class of transformers that it descends from, and looks for that class by
its name in the module of the component: both classes here descend from `ImageProcessingMixin`, which carries no weights
and is moved to no device, and which has to be a name of this module.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import BatchFeature, ImageProcessingMixin

import eyeward
from eyeward.annotate.judging import Judge
from eyeward.engine.remote.address import is_address, profile_and_address
from eyeward.errors import UsageError, described
from eyeward.moderate.batches import batch_of
from eyeward.moderate.judging import judged, with_threshold
from eyeward.moderate.ruling import Action, Ruling
from eyeward.policy import Policy
from eyeward.verdict import Verdict

FILE_NAME = "eyeward_safety_checker.json"


class Saved(BaseModel):
    """What is written of a checker: how to make it again."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    guard: str
    """A name that `load_guard` takes."""
    revision: str | None
    """Of the weights, for people."""
    policy: Policy
    """The whole policy, not its name: what is checked does not change when a pack does."""
    threshold: float | None
    review_passes: bool


class SafetyChecker(ImageProcessingMixin):
    """Blackens every image that is not Safe, and says which, as `StableDiffusionSafetyChecker` does.

    `pipeline.safety_checker = SafetyChecker("mini", "children")`. An image that could not be judged is blackened.
    """

    def __init__(
        self,
        guard: str | PathLike[str] | Judge = "mini",
        policy: Policy | str = "default",
        *,
        threshold: float | None = None,
        review_passes: bool = False,
    ) -> None:
        """Take a guard, or load one by its name; only one with a name can be saved with a pipeline.

        `review_passes` lets images through on which the guard abstains.
        """
        super().__init__()
        self._name = str(guard) if isinstance(guard, str | PathLike) else None
        loaded: Judge = eyeward.load_guard(guard) if isinstance(guard, str | PathLike) else guard
        self._guard = with_threshold(loaded, threshold)
        self._threshold = threshold
        self._policy = policy if isinstance(policy, Policy) else Policy.load(policy)
        self._ruling = Ruling(Action.blank, Action.report if review_passes else Action.blank)
        self._verdicts: tuple[Verdict, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What was said of the images of the last call."""
        return self._verdicts

    def __repr__(self) -> str:
        """Name guard and policy; the mixin would print all weights."""
        return f"SafetyChecker({self._guard.model.name!r}, policy {self._policy.name!r} v{self._policy.version})"

    def __call__(self, clip_input: object = None, images: object = None) -> tuple[Any, list[bool]]:
        """Return the images and which of them were blackened.

        `images` is a tensor [images, channels, height, width] with levels from -1 to 1, as the decoder writes it, or an
        array [images, height, width, channels] from 0 to 1. `clip_input` is not looked at.

        Raises:
            UsageError: when the images come in another form; nothing leaves the pipeline then.
        """
        batch = batch_of(images, lowest=-1.0)
        verdicts = judged(self._guard, self._policy, batch.pictures())
        self._verdicts = tuple(verdicts)
        hidden = {
            place: None
            for place, verdict in enumerate(verdicts)
            if self._ruling.action(verdict) not in (None, Action.report)
        }
        return (batch.replaced(hidden) if hidden else batch).images, [place in hidden for place in range(len(verdicts))]

    def to(self, *args: object, **kwargs: object) -> Self:
        """Stay: the guard was put on its device when it was loaded."""
        return self

    def save_pretrained(
        self, save_directory: str | PathLike[str], push_to_hub: bool = False, **others: Any
    ) -> list[str]:
        """Write how to make this checker again.

        Raises:
            UsageError: when the guard was not given by its name, or the file is to go to the Hub from here.
        """
        if push_to_hub:
            raise UsageError("A safety checker is pushed with its pipeline, not by itself.")
        if self._name is None:
            raise UsageError(
                "A safety checker is saved by the name of its guard, and this one was given a guard without one; "
                "make it as SafetyChecker('mini'), or with a folder or a Hub id."
            )
        saved = Saved(
            guard=self._name,
            revision=self._guard.model.revision,
            policy=self._policy,
            threshold=self._threshold,
            review_passes=self._ruling.on_review is Action.report,
        )
        file = Path(save_directory) / FILE_NAME
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(saved.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return [str(file)]

    @classmethod
    def from_pretrained(  # type: ignore[override]  # nothing is downloaded here
        cls, pretrained_model_name_or_path: str | PathLike[str], **others: object
    ) -> Self:
        """Make a checker again as it was saved.

        Raises:
            UsageError: when the file is not there or broken, or names a server: images are not sent to where a
                downloaded file says.
        """
        file = Path(pretrained_model_name_or_path) / FILE_NAME
        try:
            saved = Saved.model_validate(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            said = described(problem) if isinstance(problem, ValidationError) else str(problem)
            raise UsageError(f"{file} is no safety checker of Eyeward: {said}.") from problem
        if is_address(saved.guard) or profile_and_address(saved.guard) is not None:
            raise UsageError(
                f"{file} names a server, {saved.guard!r}, and images are sent to none because a file says so; if you "
                "mean it, hand it over: from_pretrained(..., safety_checker=SafetyChecker(its address))."
            )
        return cls(saved.guard, saved.policy, threshold=saved.threshold, review_passes=saved.review_passes)


class NoFeatures(ImageProcessingMixin):
    """The feature extractor that pipelines ask for beside a checker; ours looks at the images themselves."""

    def __call__(self, images: Any, return_tensors: str | None = "pt", **others: object) -> BatchFeature:
        """Return one empty row for each image."""
        import torch

        return BatchFeature({"pixel_values": torch.zeros(len(images), 0)})
