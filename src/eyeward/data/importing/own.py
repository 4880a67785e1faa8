"""Eyeward's own `labels.jsonl`, of scenes or of an earlier import: read as foreign data, line by line."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from eyeward.data.folder import LABELS_FILE, SampleFolder
from eyeward.data.importing.row import Discard, Reason, Record, Row, Rows, Unread
from eyeward.data.importing.tables import read_table
from eyeward.data.sample import Contradiction, Sample
from eyeward.errors import DataError, described
from eyeward.verdict import NA


def read_own(folder: Path, images: Path) -> Rows:
    """Return the samples of a folder as rows, each with its policy.

    Raises:
        DataError: for a folder without labels.
    """
    labelled = SampleFolder(folder)
    records = read_table(folder / LABELS_FILE)
    return (record if isinstance(record, Unread) else _row(record, labelled, images) for record in records)


def _row(record: Record, folder: SampleFolder, images: Path) -> Row | Unread:
    place, values = record.place, record.values
    try:
        sample = Sample.model_validate_json(json.dumps(values))
        policy = folder.policy_of(sample)
    except ValidationError as problem:
        said = described(problem)
        return Unread(place, _reason(said), f"{place}: {said}.", values)
    except DataError as problem:
        return Unread(place, Discard.unreadable_policy, f"{place}: {problem.message}", values)
    unknown = [label for label in (sample.category, *sample.categories) if label not in (*policy.labels, NA)]
    if unknown:
        message = f"{place}: {unknown[0]!r} is not in the policy {policy.name!r}."
        return Unread(place, Discard.unknown_category, message, values)
    inline = None if sample.policy is None else policy
    return Row(
        place,
        images / sample.image,
        policy=policy,
        sample=sample.model_copy(update={"policy": inline}),
        values=values,
    )


def _reason(said: str) -> Reason:
    if "'image'" in said:
        return Discard.no_image
    return next((reason for reason in Contradiction if f"{reason}: " in said), Discard.unreadable_row)
