"""Eyeward's own records, read as foreign data: `labels.jsonl` of scenes or of an earlier import, and its exports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from eyeward.data.folder import LABELS_FILE, SampleFolder, default_policy
from eyeward.data.importing.columns import image_in
from eyeward.data.importing.row import Discard, Image, Reason, Record, Row, Rows, Unread
from eyeward.data.importing.tables import read_table
from eyeward.data.sample import Contradiction, Sample
from eyeward.errors import DataError, described
from eyeward.policy.schema import Policy
from eyeward.verdict import NA

SAMPLE_KEY = "eyeward"
"""Under this key an exported conversation holds its sample, and the sha256 of the row that it was exported with."""
COLUMNS = (
    *("image", "category", "categories", "rating", "severity", "rationale", "decided_by", "scene"),
    *("annotator", "source", "licence", "group", "policy", "changes", "rationale_from"),
)
"""Columns of an exported table: the keys of a sample, less its side, which the name of the file says."""
JSON_COLUMNS = ("scene", "policy", "changes", "rationale_from")
"""Those that hold JSON, as text."""
_SOMEWHERE = "-"
"""The image of a sample whose image is had elsewhere, until its place is known."""


def read_own(folder: Path, images: Path) -> Rows:
    """Return the samples of a folder as rows, each with its policy.

    Raises:
        DataError: for a folder without labels.
    """
    labelled = SampleFolder(folder)
    records = read_table(folder / LABELS_FILE)
    return (record if isinstance(record, Unread) else _row(record, labelled, images) for record in records)


def looks_like_export(values: Mapping[str, object]) -> bool:
    """Return whether a record is a row of an exported table."""
    return all(column in values for column in COLUMNS)


def row_of_export(record: Record, folder: Path) -> Row | Unread:
    """Return the sample in a row of an exported table, its image inside or beside."""
    place, values = record.place, record.values
    image = image_in(values["image"], folder)
    if image is None:
        return Unread(place, Discard.no_image, f"{place} has no image.", values)
    try:
        fields = {name: _from_json(values[name]) if name in JSON_COLUMNS else values[name] for name in COLUMNS}
        lists = {name: fields[name] or () for name in ("categories", "changes")}
        sample = _sample({**fields, **lists, "image": _SOMEWHERE, "split": record.side})
    except (ValueError, TypeError, RecursionError) as problem:
        return _unread(place, problem, values)
    row = _in_its_policy(sample, _policy_of(sample), image, place, values)
    return row if isinstance(row, Unread) else replace(row, side=record.side)


def sample_beside(row: Mapping[str, object], sample: Sample) -> str:
    """Return what stands under `SAMPLE_KEY` of a row with turns; the sample has its policy inline."""
    return json.dumps({"row": _digest(row), "sample": sample.model_dump(mode="json")}, ensure_ascii=False)


def row_beside_turns(record: Record, image: Image) -> Row | Unread | None:
    """Return the sample beside a conversation, or None where there is none or the row was changed since."""
    place, values = record.place, record.values
    kept = values.get(SAMPLE_KEY)
    try:
        content = json.loads(kept) if isinstance(kept, str) and kept else None
        if not isinstance(content, dict) or content.get("row") != _digest(values):
            return None
        sample = _sample(content.get("sample"))
    except (ValueError, TypeError, RecursionError) as problem:
        return _unread(place, problem, values)
    return _in_its_policy(sample, _policy_of(sample), image, place, values)


def _row(record: Record, folder: SampleFolder, images: Path) -> Row | Unread:
    place, values = record.place, record.values
    try:
        sample = _sample(values)
        policy = folder.policy_of(sample)
    except ValidationError as problem:
        return _unread(place, problem, values)
    except DataError as problem:
        return Unread(place, Discard.unreadable_policy, f"{place}: {problem.message}", values)
    inline = sample.model_copy(update={"policy": None if sample.policy is None else policy})
    return _in_its_policy(inline, policy, images / sample.image, place, values)


def _in_its_policy(
    sample: Sample, policy: Policy | None, image: Image, place: str, values: Mapping[str, object]
) -> Row | Unread:
    """Return a row, unless its label is none of its policy."""
    if policy is None:
        message = f"{place} names the policy {sample.policy}, which is not in it; import the folder that has its text."
        return Unread(place, Discard.unreadable_policy, message, values)
    unknown = [label for label in (sample.category, *sample.categories) if label not in (*policy.labels, NA)]
    if unknown:
        message = f"{place}: {unknown[0]!r} is not in the policy {policy.name!r}."
        return Unread(place, Discard.unknown_category, message, values)
    return Row(place, image, policy=policy, sample=sample, values=values)


def _sample(fields: object) -> Sample:
    return Sample.model_validate_json(json.dumps(fields))


def _policy_of(sample: Sample) -> Policy | None:
    if sample.policy is None:
        return default_policy()
    return sample.policy if isinstance(sample.policy, Policy) else None


def _from_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) and value else None


def _digest(row: Mapping[str, object]) -> str:
    """Return the sha256 of what a row says, wherever its image lies by now."""
    said = {key: value for key, value in row.items() if key not in (SAMPLE_KEY, "image", "images", "id")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode("ascii")).hexdigest()


def _unread(place: str, problem: Exception, values: Mapping[str, object]) -> Unread:
    said = described(problem) if isinstance(problem, ValidationError) else str(problem)
    return Unread(place, _reason(said), f"{place}: {said}.", values)


def _reason(said: str) -> Reason:
    if "'image'" in said:
        return Discard.no_image
    return next((reason for reason in Contradiction if f"{reason}: " in said), Discard.unreadable_row)
