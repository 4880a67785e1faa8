"""One prompt asked of several views of its image, and one answer made of the mean: slower, and harder to fool.

Changes that a picture survives (a mirror, a little blur, JPEG) often undo what was added to it on purpose. A view knows
nothing of policies, so this stands before any engine that scores labels.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from PIL import Image, ImageFilter

from eyeward.engine.protocol import Capabilities, Engine, LabelSlot, Prompt, RawAnswer, SlotScores, TokenCounts

View = Callable[[Image.Image], Image.Image]


def as_it_is(picture: Image.Image) -> Image.Image:
    """Change nothing."""
    return picture


def mirrored(picture: Image.Image) -> Image.Image:
    """Swap left and right."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def without_specks(picture: Image.Image) -> Image.Image:
    """Give each pixel the median of its neighbours."""
    return picture.filter(ImageFilter.MedianFilter(3))


def saved_again(picture: Image.Image) -> Image.Image:
    """Save as JPEG of quality 50 and read it back."""
    written = io.BytesIO()
    picture.convert("RGB").save(written, "JPEG", quality=50)
    with Image.open(written) as read:
        return read.convert("RGB")


def nearer(picture: Image.Image) -> Image.Image:
    """Cut a twentieth off each side."""
    width, height = picture.size
    left, top = width // 20, height // 20
    return picture.crop((left, top, width - left, height - top))


VIEWS: tuple[View, ...] = (as_it_is, mirrored, without_specks, saved_again, nearer)
"""The first is the picture itself: its features are the ones that a scope check sees, its words the rationale."""


class AveragingEngine:
    """Asks another engine about each view, and answers with the mean probability of every label."""

    def __init__(self, engine: Engine, views: Sequence[View] = VIEWS) -> None:
        """Stand before an engine.

        Raises:
            ValueError: when there are no views.
        """
        if not views:
            raise ValueError("there is nothing to look at without a view")
        self._engine = engine
        self._views = tuple(views)
        able = engine.capabilities
        self.capabilities: Capabilities = replace(able, prompts_at_once=max(1, able.prompts_at_once // len(views)))

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; where a view fails, the prompt does."""
        asked = [
            replace(prompt, images=tuple(view(image) for image in prompt.images), explain=prompt.explain and not number)
            for prompt in prompts
            for number, view in enumerate(self._views)
        ]
        answers = iter(self._engine.judge(asked))
        for prompt in prompts:
            own = list(islice(answers, len(self._views)))
            if len(own) == len(self._views):
                yield mean_answer(prompt, own)


def mean_answer(prompt: Prompt, answers: Sequence[RawAnswer]) -> RawAnswer:
    """Return the mean of several answers to one prompt; the failure of one of them is the failure of all.

    Labels of a slot that depends on an earlier one are weighed by how likely each answer found that one. What is
    written follows from the means, and the rationale stays only where it is one of the label that is written.
    """
    failed = next((answer for answer in answers if answer.error is not None), None)
    if failed is not None:
        return failed
    means = tuple(_mean_slot(scores, answers) for scores in answers[0].scores)
    written = _written(prompt, RawAnswer(scores=means))
    first = answers[0]
    same = all(first.written.get(slot) == label for slot, label in written.items())
    text = {slot: said for slot, said in first.written.items() if slot not in written} if same else {}
    counts = [answer.tokens for answer in answers]
    return RawAnswer(
        scores=means,
        written=written | text,
        text=first.text if same else "",
        unseen=max(answer.unseen for answer in answers),
        tokens=TokenCounts(
            sum(count.computed for count in counts),
            sum(count.cached for count in counts),
            sum(count.written for count in counts),
        ),
        cut=first.cut and same,
        features=first.features,
    )


def _mean_slot(scores: SlotScores, answers: Sequence[RawAnswer]) -> SlotScores:
    """Mean the labels of a slot over the answers that score it."""
    weights: list[float] = []
    likely: list[dict[str, float]] = []
    for answer in answers:
        found = next((s for s in answer.scores if (s.slot, s.given) == (scores.slot, scores.given)), None)
        if found is not None:
            likely.append({label: math.exp(log) for label, log in found.log_probabilities.items()})
            weights.append(math.prod(math.exp(answer.scores_of(slot)[label]) for slot, label in scores.given))
    total = sum(weights)
    shares = [weight / total for weight in weights] if total > 0 else [1 / len(weights)] * len(weights)
    means = {
        label: sum(share * labels[label] for share, labels in zip(shares, likely, strict=True))
        for label in scores.log_probabilities
    }
    return replace(scores, log_probabilities={label: _log(mean) for label, mean in means.items()})


def _written(prompt: Prompt, means: RawAnswer) -> dict[str, str]:
    """Fill the closed slots in order: the first as the rule says, the others with their likeliest label."""
    rule, written = prompt.rating_rule, dict[str, str]()
    for slot in prompt.form.label_slots:
        likely = _scores(means, slot, written)
        if rule is not None and slot.name == rule.slot and rule.positive in likely:
            beside = None
            if rule.category_slot is not None:
                given = _given(means, rule.category_slot, {**written, rule.slot: rule.positive})
                beside = max(given, key=lambda label: given[label]) if given else None
            written[slot.name] = rule.label(rule.calibrated(math.exp(likely[rule.positive]), beside))
        else:
            written[slot.name] = max(likely, key=lambda label: likely[label])
    return written


def _scores(means: RawAnswer, slot: LabelSlot, written: dict[str, str]) -> dict[str, float]:
    if len(slot.labels) == 1:
        return {slot.labels[0]: 0.0}
    found = _given(means, slot.name, written)
    return found or dict.fromkeys(slot.allowed(written), 0.0)


def _given(means: RawAnswer, slot: str, written: dict[str, str]) -> dict[str, float]:
    for scores in means.scores:
        if scores.slot == slot and all(written.get(earlier) == label for earlier, label in scores.given):
            return dict(scores.log_probabilities)
    return {}


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -math.inf
