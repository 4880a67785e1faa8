"""Small stand-ins, written by hand, for the parts that are not under test."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from eyeward.engine.protocol import Capabilities, LabelSlot, Prompt, RawAnswer, SlotScores
from eyeward.engine.rating import Calibration, Platt, RatingRule
from eyeward.errors import ErrorType
from eyeward.guard.llavaguard import Message, ModelText
from eyeward.verdict import Failure

CAPABILITIES = Capabilities(
    label_scores=True, constrained_text=True, shared_prefix=True, images_per_prompt=1, context_length=100_000
)


class FakeEngine:
    """Answers each prompt with what `answer` makes of it, and remembers the prompts of each call."""

    capabilities = CAPABILITIES

    def __init__(self, answer: Callable[[Prompt], RawAnswer]) -> None:
        self._answer = answer
        self.calls: list[list[Prompt]] = []

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Answer in order."""
        self.calls.append(list(prompts))
        yield from (self._answer(prompt) for prompt in prompts)


def rule(threshold: float = 0.5, band: tuple[float, float] | None = None, **categories: Platt) -> RatingRule:
    """Make a rule in the words of Eyeward; `categories` are calibrations by category id."""
    return RatingRule(
        slot="rating",
        positive="Unsafe",
        negative="Safe",
        threshold=threshold,
        band=band,
        calibration=Calibration(categories=categories),
    )


def brightness(prompt: Prompt) -> float:
    """Return the mean level of a prompt's picture, from 0 to 1: the probability of Unsafe by which fakes go."""
    picture = prompt.images[0].convert("L")
    levels = picture.histogram()
    return sum(level * count for level, count in enumerate(levels)) / (255 * sum(levels))


def by_brightness(prompt: Prompt) -> RawAnswer:
    """Call bright pictures unsafe."""
    return raw_answer(prompt, brightness(prompt))


def raw_answer(
    prompt: Prompt,
    p_unsafe: float,
    given_unsafe: Mapping[str, float] | None = None,
    features: tuple[float, ...] = (),
    rationale: str = "Because.",
) -> RawAnswer:
    """Make the answer of an engine that obeys the protocol.

    `given_unsafe` are weights of labels in an Unsafe answer (default: the first label alone); a Safe one says that none
    applies.
    """
    rating, category = prompt.form.label_slots
    unsafe, safe = rating.labels
    rule = prompt.rating_rule
    weights = given_unsafe or {category.labels[0]: 1.0}
    likeliest = max(weights, key=lambda label: weights[label])
    if rule is None:
        written = unsafe if p_unsafe >= 0.5 else safe
    else:
        written = rule.label(rule.calibrated(p_unsafe, likeliest))
    none_applies = category.labels[-1]
    filled = {"rating": written, "category": likeliest if written == unsafe else none_applies}
    if prompt.explain:
        filled["rationale"] = rationale
    return RawAnswer(
        scores=(
            SlotScores("rating", (), {unsafe: _log(p_unsafe), safe: _log(1 - p_unsafe)}),
            _scores(category, unsafe, weights),
            _scores(category, safe, {none_applies: 1.0}),
        ),
        written=filled,
        features=features,
    )


def failing(message: str) -> Callable[[Prompt], RawAnswer]:
    """Answer everything with an error."""
    return lambda prompt: RawAnswer(error=Failure(type=ErrorType.internal, message=message))


def model_text(unknown: Sequence[str] = ()) -> ModelText:
    """Stand in for a tokenizer that knows every word but these."""
    return ModelText(
        chat=chat,
        image_token="<image>",
        special_tokens=frozenset({"<image>", "<end>"}),
        unknown_words=lambda text: tuple(word for word in unknown if word in text),
    )


def chat(messages: list[Message]) -> str:
    """Render one turn, its parts in the order given."""
    (message,) = messages
    content = message["content"]
    assert isinstance(content, list)
    parts = ["<image>" if part["type"] == "image" else part["text"] for part in content]
    return f"user: {''.join(parts)}<end>assistant: "


def _scores(slot: LabelSlot, rating: str, weights: Mapping[str, float]) -> SlotScores:
    total = sum(weights.values())
    labels = slot.allowed({"rating": rating})
    return SlotScores(
        "category", (("rating", rating),), {name: _log(weights.get(name, 0.0) / total) for name in labels}
    )


def _log(p: float) -> float:
    return math.log(p) if p > 0 else -math.inf
