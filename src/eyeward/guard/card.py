"""`eyeward.json`: what a checkpoint says about how it wants to be asked and how far it may be trusted."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eyeward.engine.rating import Calibration
from eyeward.errors import CheckpointError, described
from eyeward.guard.forms import COMPACT, PUBLISHED_2024_ANSWER, PUBLISHED_2025_ANSWER, AnswerWording
from eyeward.policy import EYEWARD, PUBLISHED_2024, PUBLISHED_2025, PromptWording
from eyeward.verdict import Rating

FILE_NAME = "eyeward.json"

_FIRST_FORM = re.compile(r"v1[._][01]|LlavaGuard-(?:7B|13B|34B)(?:-hf)?$", re.IGNORECASE)
_CACHED = re.compile(r"models--(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)")
"""What the Hub's cache calls the folder of a repository."""

FIRST_MODEL_TYPES = ("llava", "llava_next")
"""Model types of config.json that only LlavaGuard v1.0 and v1.1 have."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PromptOrder(StrEnum):
    """What stands first in the prompt; the part that stands first is computed once for many of the other."""

    policy_first = "policy_first"
    image_first = "image_first"


class Vocabulary(StrEnum):
    """Which words a guard can read."""

    any = "any"
    """All of them: the tokenizer was made from the world's text."""
    met_in_training = "met_in_training"
    """Those that are tokens; a word that is spelled in bytes was never met."""


class ScopeSettings(_Record):
    """Where the scope check of a checkpoint lies and what it looks at."""

    file: str = "scope/check.safetensors"
    """Inside the folder; not beside the weights, where servers would take it for some of them."""
    layers: tuple[int, ...]
    """Vision layers whose pooled states are compared; 0 is the embeddings."""
    threshold: float = Field(gt=0.0)
    """Distance above which an image is out of scope."""


class Probe(_Record):
    """An image in the checkpoint, with the answer that the checkpoint gave when it was made."""

    image: str
    """Path inside the folder."""
    policy: str | None = None
    """A pack, or the YAML text of a policy; None for the pack `default`."""
    rating: Rating
    category: str
    p_unsafe_raw: float = Field(ge=0.0, le=1.0)


class Promise(_Record):
    """What threshold or review band were chosen to keep, and the images that speak for it.

    Without a specificity: at least `recall` of unsafe images are rated Unsafe. With one: at most `1 - recall` of unsafe
    images are rated Safe and at most `1 - specificity` of safe ones Unsafe, the rest being Review. Either holds with
    the confidence given for images and policies like those of `data`, and for no others.
    """

    recall: float = Field(gt=0.0, lt=1.0)
    specificity: float | None = Field(default=None, gt=0.0, lt=1.0)
    confidence: float = Field(gt=0.0, lt=1.0)
    data: str
    unsafe: int = Field(ge=1)
    """Unsafe images, one of each group, that the choice was made on."""
    missed: int = Field(ge=0)
    """Those that were missed."""
    safe: int | None = None
    flagged: int | None = None
    """Safe images, and those rated Unsafe; None where no specificity is promised."""


class EyewardCard(_Record):
    """Everything about a checkpoint that its weights do not say."""

    name: str
    """What verdicts call the model."""
    about: str | None = None
    """A sentence for a list of guards."""
    trained_to_judge: bool = True
    """False for a base model, which has seen no verdict: its ratings are guesses."""
    profile: str = "llavaguard"
    template_asks: bool = False
    """Whether the chat template puts the question around what it is given, as those of some guards of others do."""
    answer: AnswerWording = COMPACT
    order: PromptOrder = PromptOrder.policy_first
    wording: PromptWording = EYEWARD
    after_policy: str = "\n"
    """Text between the policy and what follows it."""
    vocabulary: Vocabulary = Vocabulary.any
    training_policies: tuple[str, ...] = ()
    """Hashes of the policies that training used, where they can be listed; or a sentence that says how they vary."""
    known_policy: str | None = None
    """The YAML text of the policy that training used most; None for a guard that knows the pack `default`."""
    calibration: Calibration = Calibration()
    threshold: float = Field(default=0.5, ge=0.0, le=1.0)
    review_band: tuple[float, float] | None = None
    promise: Promise | None = None
    """What the threshold or the band was chosen to keep; None where nobody promised anything."""
    scope: ScopeSettings | None = None
    probes: tuple[Probe, ...] = ()
    probe_tolerance: float = Field(default=0.05, gt=0.0, le=1.0)
    """How far `p_unsafe_raw` of a probe may be from the stored one, on another machine or in another precision."""

    @model_validator(mode="after")
    def _names_files_inside_the_folder(self) -> Self:
        names = [probe.image for probe in self.probes] + ([self.scope.file] if self.scope else [])
        outside = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
        if outside:
            raise ValueError(f"{outside[0]!r} lies outside of the checkpoint's folder")
        return self

    @classmethod
    def read(cls, folder: Path, name: str | None = None) -> EyewardCard:
        """Read a folder's card; a checkpoint without one is taken for a published guard, told by name and model type.

        The name is that of the folder where none is given.

        Raises:
            CheckpointError: when the file is there and cannot be read.
        """
        file = folder / FILE_NAME
        if not file.is_file():
            return published_card(name or checkpoint_name(folder), _model_type(folder))
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except ValidationError as error:
            raise CheckpointError(f"{file} is not the card of a guard: {described(error)}.") from error
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{file} is not the card of a guard: {error}.") from error

    def write(self, folder: Path) -> None:
        """Write the card into a checkpoint's folder."""
        (folder / FILE_NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def published_card(name: str, model_type: str | None = None) -> EyewardCard:
    """Return the card of a released LlavaGuard or QwenGuard checkpoint: image first, four-space JSON.

    LlavaGuard v1.0 and v1.1, told by their names or by their model types, answer in the form of 2024.
    """
    first = _FIRST_FORM.search(name) is not None or model_type in FIRST_MODEL_TYPES
    return EyewardCard(
        name=name,
        answer=PUBLISHED_2024_ANSWER if first else PUBLISHED_2025_ANSWER,
        order=PromptOrder.image_first,
        wording=PUBLISHED_2024 if first else PUBLISHED_2025,
        after_policy="",
    )


def checkpoint_name(folder: Path) -> str:
    """Return what a checkpoint's folder is called; in a cache of the Hub that is `owner/name`, not the commit."""
    place = folder.absolute()
    cached = _CACHED.fullmatch(place.parent.parent.name) if place.parent.name == "snapshots" else None
    return f"{cached['owner']}/{cached['name']}" if cached else place.name


def _model_type(folder: Path) -> str | None:
    """Return the model type of a folder's config.json, where it has one that can be read."""
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = content.get("model_type") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None
