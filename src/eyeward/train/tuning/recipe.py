"""Everything that decides what tuning a checkpoint makes."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from eyeward.guard.card import EyewardCard, PromptOrder, Vocabulary
from eyeward.guard.forms import COMPACT, PUBLISHED_2025_ANSWER
from eyeward.policy import EYEWARD, PUBLISHED_2025
from eyeward.train.recipe_file import RecipeFile


class Method(StrEnum):
    """Which parameters learn."""

    full = "full"
    """Those of the language model."""
    lora = "lora"
    """Low-rank additions to its linear layers (arXiv 2106.09685), merged into them at the end."""


class Words(StrEnum):
    """In which words the guard is asked, and in which form it answers."""

    eyeward = "eyeward"
    published_2025 = "published_2025"
    """Those of LlavaGuard v1.2 and QwenGuard."""


class Precision(StrEnum):
    """What the passes compute in; weights that learn are float32 in either case, unless `Recipe.weights` says else."""

    bfloat16 = "bfloat16"
    float32 = "float32"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Lora(_Settings):
    """Size of the additions."""

    rank: PositiveInt = 128
    alpha: PositiveInt = 256
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)


class Teacher(_Settings):
    """Another guard, whose probabilities are learnt beside the labels."""

    outcomes: str
    """A folder of `eyeward evaluate` that holds its answers to the training samples."""
    guard: str | None = None
    """Its name there; not needed where the folder holds one guard."""
    weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of what ratings and categories cost: with 0 labels alone count there, with 1 the teacher alone."""


class Attacked(_Settings):
    """Pictures are changed before they are learnt, as the attack suite changes them: unsafe and safe ones alike."""

    share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of the pictures that are changed, by another change each time that they are shown."""
    attacks: tuple[str, ...] = ()
    """By the names of the suite; empty: all that leave one picture. Those left out can tell whether more was learnt
    than these."""
    strongest: int = Field(default=4, ge=1, le=5)
    """The highest level of a change; a picture at the fifth may show nothing any more."""


class Recipe(RecipeFile):
    """A checkpoint, data, and how long and how fast it learns."""

    explained_in: ClassVar[str] = "eyeward/train/tuning/recipe.py"
    example: ClassVar[str] = "recipes/onevision-0.5b-lora.yaml"

    name: str = Field(pattern=r"^[\w.-]+$")
    method: Method
    base: str
    """`mini-base`, a folder, or a Hub id."""
    data: str = ""
    """A folder of `eyeward data build`, with the splits train and, better, validation."""
    seed: int = 0

    order: PromptOrder = PromptOrder.policy_first
    words: Words = Words.eyeward
    rationales: bool = True
    """Learn the rationales that samples have; without, the answer is learnt up to the category."""
    train_vision: bool = False
    """Whether the vision tower learns too."""
    train_projector: bool = False
    """Whether what joins it to the language model does."""
    max_pixels: PositiveInt | None = None
    """Larger images are shrunk to so many pixels, here and whenever the guard is asked; for Qwen2.5-VL alone."""
    lora: Lora = Lora()
    teacher: Teacher | None = None
    attacked: Attacked | None = None

    epochs: PositiveFloat = 3.0
    steps: PositiveInt | None = None
    """Ends after so many steps, whatever the epochs."""
    batch: PositiveInt = 1
    """Samples that a device takes at a time."""
    accumulate: PositiveInt = 1
    """Such batches, on every device, before a step."""
    learning_rate: PositiveFloat = 1e-5
    schedule: str = Field(default="cosine", pattern="^(cosine|linear|constant|constant_with_warmup)$")
    warmup: NonNegativeFloat = 0.03
    """Below 1 a share of all steps, else a number of steps."""
    weight_decay: NonNegativeFloat = 0.0
    clip: PositiveFloat = 1.0
    """Largest norm of the gradient."""
    label_weight: float = Field(default=1.0, ge=1.0)
    """How much more the tokens that tell ratings and categories apart count than the others of an answer."""
    balance: bool = False
    """Show samples of the rarer rating more often, until both are seen as often."""

    precision: Precision = Precision.bfloat16
    weights: Precision = Precision.float32
    """What weights are kept in; bfloat16 halves their memory and makes small steps lost."""
    checkpointing: bool = True
    """Compute activations twice instead of keeping them."""
    workers: NonNegativeInt = 4
    """Processes that make images ready; where there is no fork, as on Windows, the one that learns does so itself."""
    save_every: PositiveInt = 200
    """Steps between points from which a stopped run can go on."""
    keep: PositiveInt = 2
    """How many of those lie on disk at a time."""
    calibrate: bool = True
    """Fit a calibration to the validation samples at the end, and measure the guard on them."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.method is Method.lora and (self.train_vision or self.train_projector):
            raise ValueError("method lora adapts the language model alone; leave train_vision and train_projector out")
        return self

    def card(self, base: EyewardCard | None) -> EyewardCard:
        """Return the card of the guard, so far as it is known before training; `base` is that of the checkpoint."""
        published = self.words is Words.published_2025
        first = self.order is PromptOrder.policy_first
        return EyewardCard(
            name=self.name,
            answer=PUBLISHED_2025_ANSWER if published else COMPACT,
            order=self.order,
            wording=PUBLISHED_2025 if published else EYEWARD,
            after_policy="\n" if first else "",
            vocabulary=base.vocabulary if base else Vocabulary.any,
        )
