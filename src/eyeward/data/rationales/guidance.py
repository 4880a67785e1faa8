"""The ways in which a teacher can be asked for one and the same reason.

Engines are deterministic: asked the same once more, a teacher writes the same once more. So every attempt puts the
question otherwise. Rating and category are written already in all of them.
"""

from __future__ import annotations

from enum import StrEnum

from eyeward.verdict import NA, Rating


class Guidance(StrEnum):
    """How a teacher is asked, in the order in which it is tried."""

    plain = "plain"
    """As for a verdict."""
    instructed = "instructed"
    """One more sentence at the end of the prompt says what to write."""
    opened = "opened"
    """The first words of the reason are written already, too."""
    instructed_and_opened = "instructed_and_opened"
    opened_otherwise = "opened_otherwise"
    """Other first words."""

    @property
    def opening(self) -> str:
        """The words with which the reason begins."""
        if self in (Guidance.opened, Guidance.instructed_and_opened):
            return "The image shows"
        return "The picture shows" if self is Guidance.opened_otherwise else ""

    def instruction(self, rating: Rating, category: str, excepted: bool) -> str:
        """Return the sentence for a label; `excepted` where the policy itself allows or forbids the category.

        What decides an excepted image is said behind the reason, so the teacher describes the image alone (after the
        guided rationales of LlavaGuard, arXiv 2406.05113).
        """
        if self not in (Guidance.instructed, Guidance.instructed_and_opened):
            return ""
        if category == NA:
            return "Describe the image in two sentences, and say why no category of the policy applies."
        if excepted:
            return f"Describe in two sentences what the image shows, and how it relates to {category}."
        return f"Describe the image in two sentences, and say why it is rated {rating.value} under {category}."
