"""Rows of an annotation: the columns, and verdicts as rows. No time of day or duration is among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eyeward import verdict_columns
from eyeward.annotate.arrow import arrow
from eyeward.annotate.item import Item
from eyeward.annotate.looks import NO_LOOK, Look
from eyeward.annotate.videos import VideoVerdict
from eyeward.images.statistics import RANGES, Statistics
from eyeward.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[Any, ...]
"""Values in the order of the columns."""
STATISTICS = {name: f"image_{name}" for name in RANGES}
"""Columns of the numbers about an image, by their names."""


def schema(videos: bool = False, statistics: bool = False) -> pa.Schema:
    """Return the columns: place, the keys of the verdict, flattened, and of videos what was said of which frame.

    With `statistics` they end with numbers about the image.
    """
    pa = arrow()
    text, real = pa.string(), pa.float64()
    columns = {"key": text, "shard": text, "index": pa.int64(), "phash": pa.uint64()} | verdict_columns.columns(pa)
    del columns["seconds"]
    if videos:
        columns["worst_frame_seconds"] = real
        columns["frames"] = pa.list_(pa.struct([("seconds", real), ("p_unsafe", real), ("rating", text)]))
    if statistics:
        columns |= dict.fromkeys(STATISTICS.values(), real)
    return pa.schema(list(columns.items()))


def row_of(
    shard: str, item: Item, verdict: Verdict, look: Look = NO_LOOK, videos: bool = False, statistics: bool = False
) -> Row:
    """Return a verdict as a row; it is about the item, whatever it calls the image."""
    values = verdict_columns.values_of(verdict) | {"image": item.key}
    del values["seconds"]
    row: Row = (item.key, shard, item.index, look.phash, *values.values())
    if videos:
        row += _shown(verdict)
    return (*row, *_numbers(look.statistics)) if statistics else row


def _numbers(statistics: Statistics | None) -> Row:
    return (None,) * len(STATISTICS) if statistics is None else tuple(statistics.values().values())


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
