"""The one turn that guards of others are asked: the image, and the text behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from eyeward.engine.protocol import ImageSegment, Segment, TextSegment
from eyeward.engine.rating import RatingRule
from eyeward.errors import CheckpointError, PolicyError
from eyeward.guard.llavaguard import Message, ModelText
from eyeward.policy import Category, Policy, Stance


def image_then(words: str, text: ModelText) -> tuple[Segment, ...]:
    """Render a turn through the model's chat template; no text part where there are no words.

    Raises:
        CheckpointError: when the template does not put the image first, once, and the words behind it.
    """
    image: Message = {"type": "image"}
    content = [image, {"type": "text", "text": words}] if words else [image]
    before, mark, after = text.chat([{"role": "user", "content": content}]).partition(text.image_token)
    if not mark or text.image_token in after or words not in after:
        raise CheckpointError(
            "The chat template of this checkpoint does not put the image before the text, once each; copy "
            "chat_template.jinja from the page of the checkpoint."
        )
    return TextSegment(before), ImageSegment(0), TextSegment(after)


def forbidding(policy: Policy) -> tuple[Category, ...]:
    """Return the categories in which anything is forbidden.

    Raises:
        PolicyError: when there are none, so that there is nothing to ask.
    """
    found = tuple(category for category in policy.categories if category.stance is not Stance.non_violating)
    if not found:
        raise PolicyError(f"Policy {policy.name!r} forbids nothing, so there is nothing to ask this guard about.")
    return found


def forbidden_and_allowed(category: Category) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the rules of a category as its stance has them."""
    return (category.rules, ()) if category.stance is Stance.sensitive else (category.should_not, category.can)


def in_words(rule: RatingRule, slot: str, positive: str, negative: str) -> RatingRule:
    """Return a rule in the words of one slot, so that an engine knows which answers are too unsure to give."""
    return rule.model_copy(update={"slot": slot, "positive": positive, "negative": negative, "category_slot": None})


def probabilities(logs: Mapping[str, float]) -> dict[str, float]:
    """Return probabilities of labels.

    Raises:
        ValueError: when they do not add up to one.
    """
    found = {label: math.exp(min(log, 0.0)) for label, log in logs.items()}
    if not abs(sum(found.values()) - 1.0) <= 1e-3:
        raise ValueError("the probabilities of the answer do not add up to one")
    return found
