"""`outcomes.parquet`: a row a question and guard."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from eyeward.errors import MissingExtra, UsageError, described
from eyeward.evaluate.outcome import Outcome, Question
from eyeward.verdict import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "outcomes.parquet"


def schema() -> pa.Schema:
    """Return the columns: the question, what came of it, and the keys of the verdict, flattened.

    `image` and `policy_hash` belong to both. Right answers begin with `truth_`; `changes` is JSON.
    """
    pa = arrow()
    text, number, real = pa.string(), pa.int64(), pa.float64()
    columns = {
        "question": number,
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
        "sha256": text,
        "status": text,
        "rating": text,
        "category": text,
        "rationale": text,
        "p_unsafe": real,
        "p_unsafe_raw": real,
        "uncertainty": real,
        "category_probabilities": pa.map_(text, real),
        "threshold": real,
        "review_reason": text,
        "review_band": pa.list_(real),
        "review_scope_distance": real,
        "frames_judged": number,
        "notes": pa.list_(text),
        "policy_name": text,
        "policy_version": number,
        "prompt_hash": text,
        "model_name": text,
        "model_revision": text,
        "model_engine": text,
        "seconds": real,
        "error_type": text,
        "error_message": text,
    }
    return pa.schema(list(columns.items()))


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
    question, verdict = outcome.question, outcome.verdict
    said = verdict.model_dump(mode="json", exclude={"image", "review", "policy", "model", "error"})
    review, error = verdict.review, verdict.error
    return said | {
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
        "category_probabilities": list(verdict.category_probabilities.items()),
        "review_reason": None if review is None else review.reason.value,
        "review_band": None if review is None or review.band is None else list(review.band),
        "review_scope_distance": None if review is None else review.scope_distance,
        "policy_name": verdict.policy.name,
        "policy_version": verdict.policy.version,
        "model_name": verdict.model.name,
        "model_revision": verdict.model.revision,
        "model_engine": verdict.model.engine,
        "error_type": None if error is None else error.type.value,
        "error_message": None if error is None else error.message,
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
    flat = (
        "sha256",
        "status",
        "rating",
        "category",
        "rationale",
        "p_unsafe",
        "p_unsafe_raw",
        "uncertainty",
        "threshold",
    )
    review = {
        "reason": row["review_reason"],
        "band": row["review_band"],
        "scope_distance": row["review_scope_distance"],
    }
    said = {key: row[key] for key in (*flat, "frames_judged", "prompt_hash", "seconds", "notes", "image")} | {
        "category_probabilities": dict(row["category_probabilities"]),
        "review": None if row["review_reason"] is None else review,
        "policy": {"name": row["policy_name"], "version": row["policy_version"], "hash": row["policy_hash"]},
        "model": {"name": row["model_name"], "revision": row["model_revision"], "engine": row["model_engine"]},
        "error": None if row["error_type"] is None else {"type": row["error_type"], "message": row["error_message"]},
    }
    return Outcome(question=question, guard=row["guard"], verdict=Verdict.model_validate(said))
