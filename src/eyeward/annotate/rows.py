"""Rows of an annotation: the columns, and verdicts as rows. No time of day or duration is among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eyeward.annotate.arrow import arrow
from eyeward.annotate.item import Item
from eyeward.annotate.videos import VideoVerdict
from eyeward.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[Any, ...]
"""Values in the order of the columns."""


def schema(videos: bool = False) -> pa.Schema:
    """Return the columns: place, the keys of the verdict, flattened, and of videos what was said of which frame."""
    pa = arrow()
    text, number, real = pa.string(), pa.int64(), pa.float64()
    columns = {
        "key": text,
        "shard": text,
        "index": number,
        "phash": pa.uint64(),
        "image": text,
        "sha256": text,
        "status": text,
        "rating": text,
        "category": text,
        "rationale": text,
        "p_unsafe": real,
        "p_unsafe_raw": real,
        "uncertainty": real,
        "category_probabilities": pa.list_(
            pa.struct([("category", text), ("probability", real)])
        ),  # no map: `datasets` has none
        "threshold": real,
        "review_reason": text,
        "review_band": pa.list_(real),
        "review_scope_distance": real,
        "frames_judged": number,
        "notes": pa.list_(text),
        "policy_name": text,
        "policy_version": number,
        "policy_hash": text,
        "prompt_hash": text,
        "model_name": text,
        "model_revision": text,
        "model_engine": text,
        "error_type": text,
        "error_message": text,
    }
    if videos:
        columns["worst_frame_seconds"] = real
        columns["frames"] = pa.list_(pa.struct([("seconds", real), ("p_unsafe", real), ("rating", text)]))
    return pa.schema(list(columns.items()))


def row_of(shard: str, item: Item, verdict: Verdict, phash: int | None = None, videos: bool = False) -> Row:
    """Return a verdict as a row."""
    review, error, policy, model = verdict.review, verdict.error, verdict.policy, verdict.model
    rating = verdict.rating
    row = (
        item.key,
        shard,
        item.index,
        phash,
        item.key,
        verdict.sha256,
        verdict.status.value,
        None if rating is None else rating.value,
        verdict.category,
        verdict.rationale,
        verdict.p_unsafe,
        verdict.p_unsafe_raw,
        verdict.uncertainty,
        [{"category": category, "probability": p} for category, p in verdict.category_probabilities.items()],
        verdict.threshold,
        None if review is None else review.reason.value,
        None if review is None else review.band,
        None if review is None else review.scope_distance,
        verdict.frames_judged,
        verdict.notes,
        policy.name,
        policy.version,
        policy.hash,
        verdict.prompt_hash,
        model.name,
        model.revision,
        model.engine,
        None if error is None else error.type.value,
        None if error is None else error.message,
    )
    return (*row, *_shown(verdict)) if videos else row


def _shown(verdict: Verdict) -> Row:
    """Return when the worst picture of a video is shown, and what was said of each; of an unread one nothing."""
    if not isinstance(verdict, VideoVerdict):
        return None, None
    ratings = [None if still.rating is None else still.rating.value for still in verdict.frames]
    stills = [
        {"seconds": still.seconds, "p_unsafe": still.p_unsafe, "rating": rating}
        for still, rating in zip(verdict.frames, ratings, strict=True)
    ]
    return verdict.worst_frame_seconds, stills


def table_of(rows: Sequence[Row], columns: pa.Schema) -> pa.Table:
    """Return rows as a table."""
    pa = arrow()
    values = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [_column(list(value), field.type) for value, field in zip(values, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=columns)


def _column(values: list[Any], type: pa.DataType) -> pa.Array:
    try:
        return arrow().array(values, type)
    except UnicodeEncodeError:  # text from elsewhere that is no Unicode: lone surrogates
        return arrow().array([_clean(value) for value in values], type)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list | tuple):
        return type(value)(_clean(part) for part in value)
    return value
