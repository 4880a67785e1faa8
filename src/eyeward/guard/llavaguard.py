"""Guards that answer with rating, category and rationale in JSON: the published LlavaGuards and our own checkpoints.

What differs between them (order, words, answer form) is in the card; the chat template is the checkpoint's own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PIL import Image

from eyeward.engine.protocol import AnswerForm, ImageSegment, Prompt, RawAnswer, Segment, TextSegment
from eyeward.engine.rating import RatingRule
from eyeward.errors import CheckpointError, PolicyError
from eyeward.guard.card import EyewardCard, PromptOrder, Vocabulary
from eyeward.guard.forms import CATEGORY, RATING, RATIONALE
from eyeward.guard.profile import Coverage, Question, Reading
from eyeward.policy import Policy, render
from eyeward.verdict import NA, Rating

Message = dict[str, object]


@dataclass(frozen=True)
class ModelText:
    """What a profile has to know about a model's tokenizer, whatever engine runs it."""

    chat: Callable[[list[Message]], str]
    """Renders a conversation with the checkpoint's chat template, up to where the model begins to answer."""
    image_token: str
    special_tokens: frozenset[str]
    unknown_words: Callable[[str], tuple[str, ...]]
    """Names the words of a text that are spelled in bytes."""
    answer_lead: str = ""
    """Blank space that the chat template leaves to the model to write before its answer."""


class LlavaGuardProfile:
    """Asks one user turn that holds the policy and the image."""

    def __init__(self, card: EyewardCard, text: ModelText) -> None:
        self._card = card
        self._text = text
        self._layers = card.scope.layers if card.scope else ()

    def question(self, policy: Policy) -> Question:
        """Render a policy through the chat template.

        Raises:
            PolicyError: when the policy holds text that the model takes for a command, or names one category twice.
            CheckpointError: when the chat template does not place image and policy as the card says.
        """
        rendered = render(policy, self._card.wording)
        refuse_marks(policy, rendered.text, self._text.special_tokens)
        form = self._card.answer.form(policy.labels, self._text.answer_lead)
        segments = self._segments(rendered.text)
        shared = 1 if self._card.order is PromptOrder.policy_first else 2
        return Question(policy, segments, shared, form, self._coverage(policy), prompt_hash(segments, form))

    def prompt(self, question: Question, image: Image.Image, explain: bool, rule: RatingRule | None) -> Prompt:
        """Ask about one image."""
        return Prompt(
            segments=question.segments,
            images=(image,),
            form=question.form,
            shared_prefix=question.shared_prefix,
            explain=explain,
            rating_rule=None if rule is None else self._card.answer.rule(rule),
            feature_layers=self._layers,
        )

    def read(self, question: Question, answer: RawAnswer) -> Reading:
        """Translate the model's labels.

        Raises:
            ValueError: when a probability is missing or is none.
        """
        answer_words = self._card.answer
        words = {rating: answer_words.word_for(rating) for rating in (Rating.Safe, Rating.Unsafe)}
        try:
            ratings = _probabilities(answer.scores_of(RATING))
            categories = {
                rating: {
                    NA if label == answer_words.none_applies else label: p
                    for label, p in _probabilities(answer.scores_of(CATEGORY, **{RATING: word})).items()
                }
                for rating, word in words.items()
            }
            written = answer.written[RATING]
        except KeyError as missing:
            raise ValueError(f"the answer does not score {missing}") from missing
        if set(ratings) != set(words.values()):
            raise ValueError(f"the ratings {sorted(ratings)} are not those of this model")
        return Reading(
            rating=answer_words.rating_of(written),
            p_unsafe_raw=ratings[answer_words.unsafe],
            categories=categories,
            category=NA if answer.written[CATEGORY] == answer_words.none_applies else answer.written[CATEGORY],
            rationale=answer.written.get(RATIONALE),
            uncertainty=answer.unseen,
        )

    def guided(
        self, question: Question, image: Image.Image, rating: Rating, category: str, instruction: str, opening: str
    ) -> Prompt:
        """Ask for the reason of a label; see `GuidedProfile`."""
        segments = question.segments
        if instruction:
            segments = self._segments(render(question.policy, self._card.wording).text, instruction)
        return Prompt(
            segments=segments,
            images=(image,),
            form=self._card.answer.guided(rating, category, opening, self._text.answer_lead),
            shared_prefix=question.shared_prefix,
            explain=True,
            feature_layers=self._layers,
        )

    def reads(self, text: str) -> bool:
        """Whether the model has met all words of a text."""
        return self._card.vocabulary is Vocabulary.any or not self._text.unknown_words(text)

    def _segments(self, policy_text: str, instruction: str = "") -> tuple[Segment, ...]:
        text: Message = {"type": "text", "text": policy_text + self._card.after_policy}
        image: Message = {"type": "image"}
        policy_first = self._card.order is PromptOrder.policy_first
        content = [text, image] if policy_first else [image, text]
        if instruction:
            content.append({"type": "text", "text": instruction if policy_first else f"\n{instruction}"})
        chat = self._text.chat([{"role": "user", "content": content}])
        before, image_mark, after = chat.partition(self._text.image_token)
        if not image_mark or self._text.image_token in after or policy_text not in (before if policy_first else after):
            raise CheckpointError(
                "The chat template of this checkpoint does not put "
                f"{'the policy before the image' if policy_first else 'the image before the policy'}, once each, as "
                "its card says; correct chat_template.jinja or the order in eyeward.json."
            )
        return TextSegment(before), ImageSegment(0), TextSegment(after)

    def _coverage(self, policy: Policy) -> Coverage:
        if self._card.vocabulary is Vocabulary.any:
            return Coverage(policy.ids, ())
        met: dict[str, dict[str, None]] = {}
        for line in render(policy, self._card.wording).lines:
            words = dict.fromkeys(self._text.unknown_words(line.text))
            ids = policy.ids if line.category is None else (line.category,)
            for id in ids if words else ():
                met.setdefault(id, {}).update(words)
        unknown = {id: tuple(several) for id, several in met.items()}
        covered = tuple(id for id in policy.ids if id not in unknown)
        return Coverage(covered, tuple(id for id in policy.ids if id in unknown), unknown)


def refuse_marks(policy: Policy, text: str, marks: Iterable[str]) -> None:
    """Refuse the text of a policy that holds what a model takes for a mark of its own.

    Raises:
        PolicyError: when it does.
    """
    for mark in sorted(marks):
        if mark in text:
            raise PolicyError(
                f"Policy {policy.name!r} holds {mark!r}, which this model takes for a mark of its own; "
                "take it out of the policy."
            )


def prompt_hash(segments: Iterable[Segment], form: AnswerForm) -> str:
    """Return what names a prompt in verdicts: the sha256 of its text, its images' places and the form of its answer."""
    whole = "\x1f".join(s.text if isinstance(s, TextSegment) else "\x1e" for s in segments)
    return hashlib.sha256(f"{whole}\x1d{form!r}".encode("utf-8", "surrogatepass")).hexdigest()


def _probabilities(log_probabilities: Mapping[str, float]) -> dict[str, float]:
    """Return probabilities, checked to be some that add up to one."""
    values = {label: math.exp(min(log, 0.0)) for label, log in log_probabilities.items() if not math.isnan(log)}
    if len(values) != len(log_probabilities) or abs(sum(values.values()) - 1.0) > 1e-3:
        raise ValueError("the probabilities of the answer do not add up to one")
    return values
