"""Responses of a moderation service for images, in the schema of OpenAI's endpoint."""

from __future__ import annotations

from typing import Any

SEEN = ("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic")
TEXT_ONLY = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "sexual/minors",
)


def moderation(unsafe: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """Return a response that gives `unsafe` a score of 0.97 and the others close to none; text-only ones get 0."""
    scores = {**dict.fromkeys(SEEN, 1e-5), **dict.fromkeys(TEXT_ONLY, 0.0), **dict.fromkeys(unsafe, 0.97)}
    result = {
        "flagged": bool(unsafe),
        "categories": {label: label in unsafe for label in scores},
        "category_scores": scores,
        "category_applied_input_types": {label: ["image"] if label in SEEN else [] for label in scores},
        **changes,
    }
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}
