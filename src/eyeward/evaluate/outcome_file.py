"""`outcomes.parquet`: a row a question and guard."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from eyeward import verdict_columns
from eyeward.errors import MissingExtra, UsageError, described
from eyeward.evaluate.outcome import Outcome, Question

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "outcomes.parquet"


def schema() -> pa.Schema:
    """Return the columns: the question, what came of it, and the keys of the verdict, flattened.

    `image` and `policy_hash` belong to both. Right answers begin with `truth_`; `changes` is JSON.
    """
    pa = arrow()
    text = pa.string()
    question = {
        "question": pa.int64(),
        "guard": text,
        "image": text,
        "group": text,
        "policy_hash": text,
        "changes": text,
        "truth_rating": text,
        "truth_category": text,
        "severity": text,
        "unchanged_rating": text,
        "outcome": text,
    }
    return pa.schema(list((question | verdict_columns.columns(pa)).items()))


def write_outcomes(file: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a file in one piece: under another name first, then renamed."""
    pa, parquet = arrow(), _parquet()
    table = pa.Table.from_pylist([_row(outcome) for outcome in outcomes], schema=schema())
    unfinished = file.with_name(f".{file.name}.unfinished")
    with unfinished.open("wb") as output:
        parquet.write_table(table, output)
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)


def read_outcomes(file: Path) -> list[Outcome]:
    """Read a file back.

    Raises:
        UsageError: when it is not there, cannot be read, or is none of ours.
    """
    arrow()
    try:
        table = _parquet().read_table(file)
    except FileNotFoundError as problem:
        raise UsageError(f"{file} is not there; `eyeward evaluate DATA --out {file.parent}` writes it.") from problem
    except (OSError, ValueError) as problem:
        raise UsageError(f"{file} cannot be read as Parquet: {problem}") from problem
    if table.schema.names != schema().names:
        raise UsageError(f"{file} has other columns than {FILE_NAME} has; evaluate once more into a new folder.")
    try:
        return [_outcome(row) for row in table.to_pylist()]
    except ValidationError as problem:
        raise UsageError(f"{file} holds a row that makes no sense: {described(problem)}.") from problem


def arrow() -> Any:
    """Import pyarrow.

    Raises:
        MissingExtra: when it is not installed.
    """
    try:
        import pyarrow
    except ImportError as missing:
        raise MissingExtra("data", "Reading and writing outcomes") from missing
    return pyarrow


def _parquet() -> Any:
    import pyarrow.parquet

    return pyarrow.parquet


def _row(outcome: Outcome) -> dict[str, Any]:
    question = outcome.question
    return verdict_columns.values_of(outcome.verdict) | {
        "question": question.number,
        "guard": outcome.guard,
        "image": question.image,
        "group": question.group,
        "policy_hash": question.policy_hash,
        "changes": json.dumps([change.model_dump(mode="json") for change in question.changes], ensure_ascii=False),
        "truth_rating": question.rating.value,
        "truth_category": question.category,
        "severity": question.severity,
        "unchanged_rating": None if question.unchanged_rating is None else question.unchanged_rating.value,
        "outcome": outcome.kind.value,
    }


def _outcome(row: dict[str, Any]) -> Outcome:
    question = Question(
        number=row["question"],
        image=row["image"],
        group=row["group"],
        policy_hash=row["policy_hash"],
        changes=tuple(json.loads(row["changes"])),
        rating=row["truth_rating"],
        category=row["truth_category"],
        severity=row["severity"],
        unchanged_rating=row["unchanged_rating"],
    )
    return Outcome(question=question, guard=row["guard"], verdict=verdict_columns.verdict_of(row))
