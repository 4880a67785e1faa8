"""From a labelled sample to what is learnt: the very tokens that a guard is asked with, and its answer behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from eyeward.data.changes import worded
from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Sample
from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.engine.local.tokens import Layout, PromptTokens
from eyeward.engine.local.trie import AnswerTree, Leaf, in_json
from eyeward.engine.protocol import AnswerForm, Forced, ImageSegment, Part, Prompt, TextSlot
from eyeward.errors import DataError, PolicyError
from eyeward.guard.card import EyewardCard
from eyeward.guard.chat_template import answer_lead, render_chat
from eyeward.guard.forms import CATEGORY, RATING
from eyeward.guard.llavaguard import LlavaGuardProfile, ModelText
from eyeward.images import decode
from eyeward.policy import Policy
from eyeward.verdict import NA, Failure, Rating

Distribution = Mapping[Rating, tuple[float, Mapping[str, float] | None]]
"""A teacher's word on an image: by rating its probability, and those of category ids given it, None where unknown."""


_NO_IMAGE = Image.new("RGB", (1, 1))


class NeverMet(PolicyError):
    """A policy holds words that the model has never met; the guard would answer Review, whatever it has learnt."""


@dataclass(frozen=True)
class Written:
    """A sample in words."""

    prompt: Prompt
    """The question, with a blank image."""
    layout: Layout
    """Its tokens."""
    labels: dict[str, str]
    """What the slots of the right answer hold."""
    answer: tuple[int, ...]
    """All tokens that are learnt."""


@dataclass(frozen=True)
class SoftTarget:
    """What a teacher says at a place where answers part."""

    place: int
    """Place in the lesson's tokens of the one that is decided here."""
    options: tuple[int, ...]
    """Tokens with which answers may go on."""
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Lesson:
    """A prompt with its answer, in tokens."""

    tokens: tuple[int, ...]
    """With the image token once for each image feature."""
    answer: int
    """Where the answer begins; everything from there is learnt."""
    deciding: tuple[int, ...]
    """Places of the tokens that tell this answer's rating and category from others."""
    image: Any
    """Made ready by the checkpoint's family."""
    soft: tuple[SoftTarget, ...] = ()


class Teaching:
    """How a guard will be asked and answers: what turns samples into lessons."""

    def __init__(self, checkpoint: LoadedCheckpoint, card: EyewardCard, rationales: bool = True) -> None:
        """Take the checkpoint that learns and the card that it will have."""
        self.tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
        self._checkpoint = checkpoint
        self._card = card
        self._rationales = rationales
        self._end = checkpoint.eos_token_ids[0]
        text = ModelText(
            chat=lambda messages: render_chat(checkpoint, messages),
            image_token=checkpoint.image_token,
            special_tokens=self.tokens.special_tokens,
            unknown_words=self.tokens.unknown_words,
            answer_lead=answer_lead(checkpoint),
        )
        self._profile = LlavaGuardProfile(card, text)

    def prompt(self, policy: Policy, sample: Sample) -> Prompt:
        """Return the question about a sample, with a blank image.

        Raises:
            NeverMet: when the policy holds words that the model has never met.
            PolicyError: when the policy cannot be asked of this model.
        """
        question = self._profile.question(worded(policy, sample.changes))
        unknown = sorted({word for words in question.coverage.unknown_words.values() for word in words})
        if unknown:
            raise NeverMet(f"{policy.name!r} holds words that the model has never met: {', '.join(unknown[:3])}.")
        return self._profile.prompt(question, _NO_IMAGE, self._rationales, None)

    def form(self, form: AnswerForm, sample: Sample) -> AnswerForm:
        """Return the form in which the answer to a sample is learnt: the one that the guard is asked for."""
        return form

    def written(self, folder: SampleFolder, sample: Sample) -> Written:
        """Lay question and answer out, but for the image.

        Raises:
            DataError: when the policy does not have the sample's category.
            PolicyError: when the policy cannot be asked of this model.
        """
        policy = folder.policy_of(sample)
        prompt = self.prompt(policy, sample)
        form = self.form(prompt.form, sample)
        labels = self._labels(form, policy, sample, folder)
        layout = self.tokens.layout(replace(prompt, form=filled(form, labels)))
        (leaf,) = layout.tree.leaves
        answer = leaf.tokens
        if not any(isinstance(part, TextSlot) for part in form.parts):
            answer = (*answer, self._end)
        elif self._rationales and sample.rationale:
            text = leaf.text + in_json(sample.rationale) + layout.tree.tail
            answer = (*self.tokens.answer_ids(layout.context, text), self._end)
        return Written(replace(prompt, form=form), layout, labels, answer)

    def length(self, written: Written, height: int, width: int) -> int:
        """Count the tokens of a lesson with an image of this many pixels."""
        runs = (*written.layout.shared, *written.layout.own)
        text = sum(len(run) for run in runs if not isinstance(run, ImageSegment))
        return text + self._checkpoint.family.token_count(height, width) + len(written.answer)

    def lesson(
        self,
        folder: SampleFolder,
        sample: Sample,
        teacher: Distribution | None = None,
        change: Callable[[Image.Image], Image.Image] | None = None,
    ) -> Lesson:
        """Make a lesson; `change` is done to its picture, which then takes no more tokens than before.

        Raises:
            DataError: when the image cannot be read, or the policy does not have the sample's category.
            PolicyError: when the policy cannot be asked of this model.
        """
        written = self.written(folder, sample)
        image = first_picture(folder, sample)
        marks = (self._checkpoint.image_token_id,) * self._tokens_of(image)
        if change is not None:
            changed = change(image)
            image = changed if self._tokens_of(changed) <= len(marks) else changed.resize(image.size)
            marks = marks[: self._tokens_of(image)]
        runs = (*written.layout.shared, *written.layout.own)
        asked = tuple(token for run in runs for token in (marks if isinstance(run, ImageSegment) else run))
        tree = self.tokens.layout(written.prompt).tree
        leaf = next(leaf for leaf in tree.leaves if dict(leaf.labels) == written.labels)
        parting = _parting(leaf, tree)
        return Lesson(
            tokens=(*asked, *written.answer),
            answer=len(asked),
            deciding=tuple(len(asked) + depth for depth in parting),
            image=self._checkpoint.family.prepare(image),
            soft=() if teacher is None else self._soft(leaf, tree, teacher, len(asked)),
        )

    def _tokens_of(self, image: Image.Image) -> int:
        return self._checkpoint.family.token_count(image.height, image.width)

    def _labels(self, form: AnswerForm, policy: Policy, sample: Sample, folder: SampleFolder) -> dict[str, str]:
        """Return what the slots of the right answer hold."""
        words = self._card.answer
        known = {NA: words.none_applies} | {label: label for label in policy.labels}
        labels = {RATING: words.word_for(sample.rating), CATEGORY: known.get(sample.category, "")}
        if any(labels[slot.name] not in slot.allowed(labels) for slot in form.label_slots):
            message = (
                f"{sample.image} is {sample.rating} by {sample.category!r}, which its policy does not have; mend one."
            )
            raise DataError(message, folder.path)
        return labels

    def _soft(self, leaf: Leaf, tree: AnswerTree, teacher: Distribution, start: int) -> tuple[SoftTarget, ...]:
        """Give the teacher's probabilities wherever the path of the right answer parts from others.

        A place that the teacher would never have come to is left out: it has nothing to say there.
        """
        masses = {other.tokens: self._mass(other, teacher, tree.leaves) for other in tree.leaves}
        found = []
        for depth in _parting(leaf, tree):
            here = [other.tokens for other in tree.leaves if other.tokens[:depth] == leaf.tokens[:depth]]
            ratings = {self._rating(other) for other in tree.leaves if other.tokens in here}
            if len(ratings) == 1 and teacher[ratings.pop()][1] is None:
                continue
            options: dict[int, float] = {}
            for tokens in here:
                options[tokens[depth]] = options.get(tokens[depth], 0.0) + masses[tokens]
            total = sum(options.values())
            if total > 0.0:
                shares = tuple(mass / total for mass in options.values())
                found.append(SoftTarget(start + depth, tuple(options), shares))
        return tuple(found)

    def _rating(self, leaf: Leaf) -> Rating:
        return self._card.answer.rating_of(dict(leaf.labels)[RATING])

    def _mass(self, leaf: Leaf, teacher: Distribution, leaves: Sequence[Leaf]) -> float:
        rating = self._rating(leaf)
        p_rating, categories = teacher[rating]
        if categories is None:
            return p_rating / sum(self._rating(other) is rating for other in leaves)
        category = dict(leaf.labels)[CATEGORY]
        label = NA if category == self._card.answer.none_applies else category
        return p_rating * categories.get(label.partition(":")[0], 0.0)


def first_picture(folder: SampleFolder, sample: Sample) -> Image.Image:
    """Return the first picture of a sample's image, as guards decode it.

    Raises:
        DataError: when it cannot be read.
    """
    return pictures_of(folder, sample)[0]


def pictures_of(folder: SampleFolder, sample: Sample) -> list[Image.Image]:
    """Return all pictures of a sample's image that a guard judges, the worst of which counts.

    They are several where it is animated, or transparent so that white and black behind it differ.

    Raises:
        DataError: when it cannot be read.
    """
    decoded = decode(folder.image_of(sample))
    if isinstance(decoded, Failure):
        raise DataError(f"{sample.image}: {decoded.message}", folder.path)
    return [frame.pixels for frame in decoded.frames]


def filled(form: AnswerForm, labels: Mapping[str, str]) -> AnswerForm:
    """Return a form whose slots hold these labels already."""
    parts: list[Part] = []
    text = ""
    for part in form.parts:
        if isinstance(part, TextSlot):
            parts += [Forced(text), part]
            text = ""
        else:
            text += part.text if isinstance(part, Forced) else in_json(labels[part.name])
    return AnswerForm((*parts, Forced(text)))


def _parting(leaf: Leaf, tree: AnswerTree) -> tuple[int, ...]:
    """Return how many tokens of an answer stand before each place where its path parts from others."""
    return tuple(sorted({_common(leaf.tokens, other.tokens) for other in tree.leaves if other is not leaf}))


def _common(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
