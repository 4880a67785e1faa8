"""A verdict as columns of a table, and back: what annotation and evaluation write in Parquet.

Nested keys are flattened (`review_reason`, `policy_name`, `error_type`). Nothing here loads pyarrow: whoever writes a
table hands it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eyeward.verdict import Verdict

_PLAIN = (
    "image",
    "sha256",
    "status",
    "rating",
    "category",
    "rationale",
    "p_unsafe",
    "p_unsafe_raw",
    "uncertainty",
    "threshold",
    "frames_judged",
    "notes",
    "prompt_hash",
    "seconds",
)
"""Keys of a verdict that are a column as they are."""


def columns(pyarrow: Any) -> dict[str, Any]:
    """Return the types of all columns, in order."""
    text, number, real = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    return {
        "image": text,
        "sha256": text,
        "status": text,
        "rating": text,
        "category": text,
        "rationale": text,
        "p_unsafe": real,
        "p_unsafe_raw": real,
        "uncertainty": real,
        "category_probabilities": pyarrow.list_(
            pyarrow.struct([("category", text), ("probability", real)])
        ),  # no map: `datasets` has none
        "threshold": real,
        "review_reason": text,
        "review_band": pyarrow.list_(real),
        "review_scope_distance": real,
        "frames_judged": number,
        "notes": pyarrow.list_(text),
        "policy_name": text,
        "policy_version": number,
        "policy_hash": text,
        "prompt_hash": text,
        "model_name": text,
        "model_revision": text,
        "model_engine": text,
        "seconds": real,
        "error_type": text,
        "error_message": text,
    }


def values_of(verdict: Verdict) -> dict[str, Any]:
    """Return the values of a verdict by column, in the order of the columns."""
    rating, review, policy, model, error = (
        verdict.rating,
        verdict.review,
        verdict.policy,
        verdict.model,
        verdict.error,
    )
    return {
        "image": verdict.image,
        "sha256": verdict.sha256,
        "status": verdict.status.value,
        "rating": None if rating is None else rating.value,
        "category": verdict.category,
        "rationale": verdict.rationale,
        "p_unsafe": verdict.p_unsafe,
        "p_unsafe_raw": verdict.p_unsafe_raw,
        "uncertainty": verdict.uncertainty,
        "category_probabilities": [
            {"category": category, "probability": p} for category, p in verdict.category_probabilities.items()
        ],
        "threshold": verdict.threshold,
        "review_reason": None if review is None else review.reason.value,
        "review_band": None if review is None else review.band,
        "review_scope_distance": None if review is None else review.scope_distance,
        "frames_judged": verdict.frames_judged,
        "notes": verdict.notes,
        "policy_name": policy.name,
        "policy_version": policy.version,
        "policy_hash": policy.hash,
        "prompt_hash": verdict.prompt_hash,
        "model_name": model.name,
        "model_revision": model.revision,
        "model_engine": model.engine,
        "seconds": verdict.seconds,
        "error_type": None if error is None else error.type.value,
        "error_message": None if error is None else error.message,
    }


def verdict_of(row: Mapping[str, Any]) -> Verdict:
    """Return the verdict of a row; a column that is not there is null.

    Raises:
        ValidationError: when the values contradict each other.
    """
    review = {
        "reason": row["review_reason"],
        "band": row["review_band"],
        "scope_distance": row["review_scope_distance"],
    }
    said = {key: row.get(key) for key in _PLAIN} | {
        "category_probabilities": dict(map(_pair, row["category_probabilities"] or ())),
        "review": None if row["review_reason"] is None else review,
        "policy": {"name": row["policy_name"], "version": row["policy_version"], "hash": row["policy_hash"]},
        "model": {"name": row["model_name"], "revision": row["model_revision"], "engine": row["model_engine"]},
        "error": None if row["error_type"] is None else {"type": row["error_type"], "message": row["error_message"]},
    }
    return Verdict.model_validate(said)


def _pair(entry: Any) -> tuple[str, float]:
    """Return a category and its probability; a map, which evaluation wrote once, is read as pairs."""
    return (entry["category"], entry["probability"]) if isinstance(entry, Mapping) else entry
