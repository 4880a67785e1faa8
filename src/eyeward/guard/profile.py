"""What differs between model families: how a policy becomes a prompt, and an answer a reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from eyeward.errors import UsageError
from eyeward.policy import Policy
from eyeward.verdict import Rating

if TYPE_CHECKING:
    from PIL import Image

    from eyeward.engine.protocol import AnswerForm, Prompt, RawAnswer, Segment
    from eyeward.engine.rating import RatingRule

PROFILES = {
    "llavaguard": "eyeward.guard.llavaguard:LlavaGuardProfile",
    "zero_shot": "eyeward.guard.profiles.zero_shot:ZeroShotProfile",
    "llama_guard": "eyeward.guard.profiles.llama_guard:LlamaGuardProfile",
    "shieldgemma2": "eyeward.guard.profiles.shieldgemma2:ShieldGemma2Profile",
    "moderations": "eyeward.guard.profiles.scored_labels:ScoredLabelsProfile",
    "nudenet": "eyeward.guard.profiles.scored_labels:ScoredLabelsProfile",
}
"""Built-in profiles; other packages add theirs through the entry point group `eyeward.profiles`."""


@dataclass(frozen=True)
class Coverage:
    """Which categories of a policy a guard can judge."""

    covered: tuple[str, ...]
    """Ids."""
    not_covered: tuple[str, ...]
    unknown_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By category id: words that the guard has never met. Its rules cannot be trusted to be read."""
    partly: tuple[str, ...] = ()
    """Those of `not_covered` in which it sees something: what it finds counts, what it does not find says nothing."""


@dataclass(frozen=True)
class Question:
    """A policy made ready to be asked about many images."""

    policy: Policy
    segments: tuple[Segment, ...]
    shared_prefix: int
    form: AnswerForm
    coverage: Coverage
    prompt_hash: str
    """The sha256 of the whole text, with a mark where the image stands, and of the answer form."""


@dataclass(frozen=True)
class Reading:
    """An answer in Eyeward's words, whatever the model's were."""

    rating: Rating | None
    """What was written: Safe or Unsafe. None where a model only gives scores: threshold and band decide."""
    category: str | None
    """The full label that was written. None: the likeliest."""
    p_unsafe_raw: float
    categories: Mapping[Rating, Mapping[str, float]]
    """By rating: the probability of each full label, given that rating."""
    rationale: str | None
    uncertainty: float = 0.0
    decided: Rating | None = None
    """What a service decides by thresholds of its own. It counts where the guard has no rule."""


class Profile(Protocol):
    """A model family. One is made per loaded guard."""

    def question(self, policy: Policy) -> Question:
        """Make a policy ready.

        Raises:
            PolicyError: when it cannot be asked of this model.
        """
        ...

    def prompt(self, question: Question, image: Image.Image, explain: bool, rule: RatingRule | None) -> Prompt:
        """Ask about an image; without a rule, as greedy decoding would answer."""
        ...

    def read(self, question: Question, answer: RawAnswer) -> Reading:
        """Read an answer without an error.

        Raises:
            ValueError: when it is not an answer to this question.
        """
        ...


@runtime_checkable
class GuidedProfile(Profile, Protocol):
    """A model family that also says why an image has a label that is known: a teacher of rationales."""

    def guided(
        self, question: Question, image: Image.Image, rating: Rating, category: str, instruction: str, opening: str
    ) -> Prompt:
        """Ask for the rationale alone, behind a rating and a category that are written already.

        Where they are not empty, `instruction` is a sentence at the end of the prompt, and `opening` the beginning of
        the rationale; what the engine writes goes on behind it.
        """
        ...

    def reads(self, text: str) -> bool:
        """Whether the model has met all words of a text."""
        ...


def find_profile(name: str) -> Any:
    """Return the class of a profile by its name.

    Raises:
        UsageError: when there is none.
    """
    if name in PROFILES:
        module, _, attribute = PROFILES[name].partition(":")
        return getattr(import_module(module), attribute)
    for entry in entry_points(group="eyeward.profiles"):
        if entry.name == name:
            return entry.load()
    raise UsageError(f"There is no profile {name!r}; {profile_names()} can be used.")


def profile_names() -> str:
    """Return the names of all profiles, for people."""
    names: Sequence[str] = sorted({*PROFILES, *(entry.name for entry in entry_points(group="eyeward.profiles"))})
    return ", ".join(names)
