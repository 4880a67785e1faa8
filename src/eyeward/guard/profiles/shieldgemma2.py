"""ShieldGemma 2: does the image violate this policy, Yes or No? Asked once for each category; the worst counts.

The checkpoint's chat template puts the question around the policy; only the policy is written here.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image

from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.engine.rating import RatingRule
from eyeward.engine.scored_labels import YesNo, form_of, scores_in
from eyeward.engine.separate import SeparateQuestions
from eyeward.errors import CheckpointError
from eyeward.guard.card import EyewardCard
from eyeward.guard.crosswalk import reading_of
from eyeward.guard.llavaguard import ModelText, prompt_hash, refuse_marks
from eyeward.guard.profile import Coverage, Question, Reading
from eyeward.guard.profiles.turn import forbidden_and_allowed, forbidding, image_then, in_words
from eyeward.policy import Category, Policy

WORDS = YesNo("Yes", "No")
_MARKS = ("<BEGIN_SAFETY_POLICY>", "</END_SAFETY_POLICY>")
"""Between these the chat template puts the policy."""


class ShieldGemma2Profile:
    """Reads the share of Yes; categories in which everything is allowed are not asked about."""

    def __init__(self, card: EyewardCard, text: ModelText) -> None:
        if not card.template_asks:
            raise CheckpointError(
                "ShieldGemma 2 is asked through its own chat template; set template_asks in eyeward.json and serve the "
                "checkpoint with the template that came with it."
            )
        self._text = text

    def question(self, policy: Policy) -> Question:
        """Make a policy ready.

        Raises:
            PolicyError: when its text holds a mark of the model, or it forbids nothing.
            CheckpointError: when the chat template does not put the image first.
        """
        asked = forbidding(policy)
        for category in asked:
            refuse_marks(policy, described(category), {*self._text.special_tokens, *_MARKS})
        segments = tuple(segment for category in asked for segment in image_then(described(category), self._text))
        form = form_of(tuple(category.id for category in asked), WORDS)
        return Question(policy, segments, 2, form, Coverage(policy.ids, ()), prompt_hash(segments, form))

    def prompt(self, question: Question, image: Image.Image, explain: bool, rule: RatingRule | None) -> Prompt:
        """Ask about one image, once for each category. A reason is never given."""
        return SeparateQuestions(
            segments=question.segments,
            images=(image,),
            form=question.form,
            questions=tuple(
                Prompt(
                    segments=image_then(described(category), self._text),
                    images=(image,),
                    form=form_of((category.id,), WORDS),
                    shared_prefix=2,
                    rating_rule=rule and in_words(rule, category.id, WORDS.yes, WORDS.no),
                )
                for category in forbidding(question.policy)
            ),
        )

    def read(self, question: Question, answer: RawAnswer) -> Reading:
        """Take the worst category.

        Raises:
            ValueError: when a category has no score.
        """
        reading = reading_of(question.policy, scores_in(question.form, answer, WORDS))
        return replace(reading, uncertainty=answer.unseen)


def described(category: Category) -> str:
    """Write a category as one policy."""
    forbidden, allowed = forbidden_and_allowed(category)
    text = f"No {category.name}: the image shall not show content of this kind"
    text += f", such as {'; '.join(forbidden)}." if forbidden else "."
    return text + (f" It may show {'; '.join(allowed)}." if allowed else "")
