"""What a guard asks of the place where weights run, and what comes back. Knows nothing of policies.

A prompt is ordered segments of text and images, and the form of its answer. A form is forced text around slots; a slot
is a closed set of labels, which is scored, or free text, which is written. Forms are data: engines run them all alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from eyeward.engine.rating import RatingRule
from eyeward.verdict import Failure


@dataclass(frozen=True, slots=True)
class TextSegment:
    """Text of a prompt, special tokens of the model included."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageSegment:
    """The place of `Prompt.images[index]`."""

    index: int = 0


Segment = TextSegment | ImageSegment


@dataclass(frozen=True, slots=True)
class Forced:
    """Text that stands in every answer: never sampled, never scored."""

    text: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """`label` may not be written where an earlier `slot` holds `value`."""

    label: str
    slot: str
    value: str


@dataclass(frozen=True, slots=True)
class LabelSlot:
    """A place for one of a closed set of labels; a single one is given, and there is nothing to score."""

    name: str
    labels: tuple[str, ...]
    exclusions: tuple[Exclusion, ...] = ()

    def allowed(self, written: Mapping[str, str]) -> tuple[str, ...]:
        """Return the labels that may follow what the earlier slots hold."""
        barred = {e.label for e in self.exclusions if written.get(e.slot) == e.value}
        return tuple(label for label in self.labels if label not in barred)


@dataclass(frozen=True, slots=True)
class TextSlot:
    """A place for the inside of a JSON string, ended by its closing quote or after `max_tokens`."""

    name: str
    max_tokens: int = 256


Part = Forced | LabelSlot | TextSlot


@dataclass(frozen=True)
class AnswerForm:
    """The parts of an answer in order. Free text comes after every label, and forced text follows each slot."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        """Refuse an order of parts that cannot be decoded."""
        kinds = [type(part) for part in self.parts]
        if kinds[:1] != [Forced] or kinds[-1:] != [Forced]:
            raise ValueError("an answer form starts and ends with forced text")
        if any((a is Forced) == (b is Forced) for a, b in zip(kinds, kinds[1:], strict=False)):
            raise ValueError("in an answer form, slots and forced text take turns")
        if kinds.count(TextSlot) > 1 or (TextSlot in kinds and LabelSlot in kinds[kinds.index(TextSlot) :]):
            raise ValueError("an answer form has at most one free text, after every label")

    @property
    def label_slots(self) -> tuple[LabelSlot, ...]:
        """The closed slots, in order."""
        return tuple(part for part in self.parts if isinstance(part, LabelSlot))


@dataclass(frozen=True)
class Prompt:
    """One question about one or more images."""

    segments: tuple[Segment, ...]
    images: tuple[Image.Image, ...]
    form: AnswerForm
    shared_prefix: int = 0
    """How many leading segments other prompts may repeat; an engine computes those once."""
    explain: bool = False
    """Whether the free text is wanted too."""
    rating_rule: RatingRule | None = None
    """What decides the first slot. None is *parity mode*: every label is the one that greedy decoding would write."""
    feature_layers: tuple[int, ...] = ()
    """Vision layers (0: the embeddings) whose means and spreads over the picture's patches are wanted."""


@dataclass(frozen=True, slots=True)
class SlotScores:
    """Log-probabilities of the labels of a slot that add up to one, given what earlier slots hold."""

    slot: str
    given: tuple[tuple[str, str], ...]
    """Pairs (earlier slot, label it holds)."""
    log_probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens of one answer: run through the model for it, taken from what other prompts had computed, and written."""

    computed: int = 0
    cached: int = 0
    written: int = 0


@dataclass(frozen=True)
class RawAnswer:
    """What an engine says, in the model's own labels, or the error that stands in its place."""

    scores: tuple[SlotScores, ...] = ()
    written: Mapping[str, str] = field(default_factory=dict)
    """What each slot holds: a label, or free text with its JSON escapes undone."""
    text: str = ""
    """The answer as it was written: up to the free text if that was not wanted."""
    token_ids: tuple[int, ...] = ()
    """The tokens of `text`, where the engine knows them."""
    unseen: float = 0.0
    """Probability mass of the first slot that the engine could not see, from 0 to 1."""
    tokens: TokenCounts = TokenCounts()
    cut: bool = False
    """Whether the free text was closed because it grew too long."""
    features: tuple[float, ...] = ()
    """Pooled features of the first image; see `Prompt.feature_layers`."""
    error: Failure | None = None

    def scores_of(self, slot: str, **given: str) -> Mapping[str, float]:
        """Return the log-probabilities of a slot given what earlier slots hold; by default what was written there.

        Raises:
            KeyError: when the engine did not score that.
        """
        for scores in self.scores:
            if scores.slot == slot and all(given.get(s, self.written.get(s)) == label for s, label in scores.given):
                return scores.log_probabilities
        raise KeyError(slot)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do with its model."""

    label_scores: bool
    """It sees the probability of every label, not only those among the likeliest tokens."""
    constrained_text: bool
    """It writes nothing that is not in the answer form."""
    shared_prefix: bool
    """It computes what prompts share once."""
    images_per_prompt: int
    context_length: int
    prompts_at_once: int = 32
    """How many prompts it should be handed together, where there are so many."""
    arithmetic: str | None = None
    """Type of number and kind of device, such as "bfloat16 on cuda"; None where nobody knows. Another one gives another
    verdict near a threshold."""
    served: str | None = None
    """What a server calls the model, and where its probabilities come from; None where weights run here. Another one
    gives other verdicts. The address is not in it: a model may be served at several."""


class Engine(Protocol):
    """Runs prompts; one per process and model."""

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do with its model."""
        ...

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order. What goes wrong with a prompt is in its answer, never raised."""
        ...
