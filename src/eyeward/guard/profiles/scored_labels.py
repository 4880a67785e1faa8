"""Guards that take no policy and give a score to each label of their own: moderation services and detectors."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from PIL import Image

from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer
from eyeward.engine.rating import RatingRule
from eyeward.engine.scored_labels import YES, form_of, scores_in
from eyeward.guard.card import EyewardCard
from eyeward.guard.crosswalk import Crosswalk
from eyeward.guard.llavaguard import ModelText
from eyeward.guard.profile import Question, Reading
from eyeward.policy import Policy
from eyeward.verdict import Rating


class ScoredLabelsProfile:
    """Shows the image and asks nothing. Of the policy, only its categories and their stances count."""

    def __init__(self, card: EyewardCard, text: ModelText | None = None) -> None:
        self._crosswalk = Crosswalk.load(card.profile)

    def question(self, policy: Policy) -> Question:
        """Make a policy ready; there is no text to render."""
        form = form_of(self._crosswalk.seen_labels)
        digest = hashlib.sha256(self._crosswalk.model_dump_json().encode()).hexdigest()
        return Question(policy, (ImageSegment(0),), 0, form, self._crosswalk.coverage(policy), digest)

    def prompt(self, question: Question, image: Image.Image, explain: bool, rule: RatingRule | None) -> Prompt:
        """Show one image; a reason is never given, and the rule is applied to the scores when they are read."""
        return Prompt(segments=question.segments, images=(image,), form=question.form)

    def read(self, question: Question, answer: RawAnswer) -> Reading:
        """Translate labels to categories.

        Raises:
            ValueError: when a label has no score.
        """
        policy = question.policy
        reading = self._crosswalk.reading(policy, scores_in(question.form, answer))
        if any(slot.name not in answer.written for slot in question.form.label_slots):
            return reading
        found = self._crosswalk.reading(policy, {label: float(word == YES) for label, word in answer.written.items()})
        return replace(reading, decided=Rating.Unsafe if found.p_unsafe_raw else Rating.Safe)
