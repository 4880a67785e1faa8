"""How model families write their answers, as data: keys, words and layout around rating, category and rationale."""

from __future__ import annotations

import json
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from eyeward.engine.protocol import AnswerForm, Exclusion, Forced, LabelSlot, TextSlot
from eyeward.engine.rating import RatingRule
from eyeward.verdict import NA, Rating

RATING, CATEGORY, RATIONALE = "rating", "category", "rationale"
"""Names of the slots, whatever the keys are called in the answer."""


class AnswerWording(BaseModel):
    """A JSON object with three keys, in the order rating, category, rationale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rating_key: str = "rating"
    category_key: str = "category"
    rationale_key: str = "rationale"
    safe: str = "Safe"
    unsafe: str = "Unsafe"
    none_applies: str = NA
    """What the model writes for an image that touches no category."""
    indent: int | None = None
    """Spaces before each key, each on its own line; None keeps the answer on one line."""
    rationale_tokens: int = 256
    """Most tokens of a rationale; a longer one is closed there."""

    @model_validator(mode="after")
    def _tells_ratings_apart(self) -> Self:
        if self.safe == self.unsafe:
            raise ValueError("safe and unsafe are the same word")
        return self

    def form(self, labels: tuple[str, ...], lead: str = "") -> AnswerForm:
        """Return the form of an answer that names one of `labels`, or none of them in a safe answer.

        `lead` is the blank space before the answer that a chat template leaves to the model.
        """
        categories = (*labels, self.none_applies)
        return self._around(
            LabelSlot(RATING, (self.unsafe, self.safe)),
            LabelSlot(CATEGORY, categories, (Exclusion(self.none_applies, RATING, self.unsafe),)),
            lead,
        )

    def guided(self, rating: Rating, category: str, opening: str = "", lead: str = "") -> AnswerForm:
        """Return the form of an answer whose rating and category are given; its rationale begins with `opening`.

        Raises:
            ValueError: for Review, which no model writes.
        """
        if rating is Rating.Review:
            raise ValueError("no answer is rated Review")
        label = self.none_applies if category == NA else category
        given = LabelSlot(RATING, (self.word_for(rating),)), LabelSlot(CATEGORY, (label,))
        return self._around(*given, lead, json.dumps(opening, ensure_ascii=False)[1:-1])

    def rating_of(self, label: str) -> Rating:
        """Return the rating that a word of the model stands for."""
        return Rating.Unsafe if label == self.unsafe else Rating.Safe

    def word_for(self, rating: Rating) -> str:
        """Return the model's word for a rating."""
        return self.unsafe if rating is Rating.Unsafe else self.safe

    def rule(self, rule: RatingRule) -> RatingRule:
        """Return the rule in the words of this form."""
        words = {"slot": RATING, "positive": self.unsafe, "negative": self.safe, "category_slot": CATEGORY}
        return rule.model_copy(update=words)

    def _around(self, rating: LabelSlot, category: LabelSlot, lead: str, rationale: str = "") -> AnswerForm:
        opening, between, closing = self._layout()
        return AnswerForm(
            (
                Forced(f'{lead}{opening}"{self.rating_key}": "'),
                rating,
                Forced(f'"{between}"{self.category_key}": "'),
                category,
                Forced(f'"{between}"{self.rationale_key}": "{rationale}'),
                TextSlot(RATIONALE, self.rationale_tokens),
                Forced(f'"{closing}'),
            )
        )

    def _layout(self) -> tuple[str, str, str]:
        if self.indent is None:
            return "{", ", ", "}"
        margin = "\n" + " " * self.indent
        return "{" + margin, "," + margin, "\n}"


COMPACT = AnswerWording()
"""Ours: one line."""

PUBLISHED_2025_ANSWER = AnswerWording(indent=4)
"""LlavaGuard v1.2 and QwenGuard, as `json.dumps(..., indent=4)` wrote it for their training."""

PUBLISHED_2024_ANSWER = AnswerWording(
    rating_key="decision",
    category_key="image-category",
    rationale_key="assessment",
    safe="Compliant",
    unsafe="Review Needed",
    indent=4,
)
"""LlavaGuard v1.0 and v1.1."""
