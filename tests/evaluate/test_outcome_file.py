"""Outcomes on disk."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from eyeward.errors import ErrorType, UsageError
from eyeward.evaluate.outcome_file import read_outcomes, schema, write_outcomes
from eyeward.evaluate.run import GuardRecord, RunRecord
from eyeward.verdict import Review, ReviewReason, Verdict
from tests.evaluate.hand_made import EXEMPT, REVIEW, SAFE, UNSAFE, outcome, said

OUTCOMES = [
    outcome(UNSAFE, said(UNSAFE, 0.93, rationale='It shows a "gun" — ⚠.\x00'), "a.png", severity="highly_unsafe"),
    outcome(SAFE, said(SAFE), "b.png", changes=EXEMPT, unchanged=UNSAFE, number=1),
    outcome(SAFE, said(REVIEW), "b.png", group="both", number=2),
    outcome(UNSAFE, said(ErrorType.unparsable_answer), "c.png", number=3, guard="other"),
    outcome(UNSAFE, said(ErrorType.deadline), "é.png", number=4),
]


def test_outcomes_are_read_as_they_were_written(tmp_path: Path) -> None:
    full = OUTCOMES[0].verdict.model_copy(
        update={
            "notes": ("exif_rotated",),
            "category_probabilities": {"O6": 0.75, "O4": 0.25},
            "threshold": 0.5,
            "seconds": 0.25,
            "sha256": "00",
            "prompt_hash": "11",
            "uncertainty": 0.125,
        }
    )
    far = Review(reason=ReviewReason.out_of_scope, scope_distance=7.5)
    kept = [
        OUTCOMES[0].model_copy(update={"verdict": full}),
        *OUTCOMES[1:],
        outcome(SAFE, said(REVIEW).model_copy(update={"review": far}), number=5),
    ]
    write_outcomes(tmp_path / "outcomes.parquet", kept)
    assert read_outcomes(tmp_path / "outcomes.parquet") == kept
    assert [file.name for file in tmp_path.iterdir()] == ["outcomes.parquet"]


def test_every_key_of_a_verdict_has_a_column() -> None:
    flattened = {"review": "review_reason", "policy": "policy_name", "model": "model_name", "error": "error_type"}
    assert {flattened.get(key, key) for key in Verdict.model_fields} <= set(schema().names)


def test_every_column_and_every_field_of_a_run_has_a_line_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", page))
    fields = {*schema().names, *RunRecord.model_fields, *GuardRecord.model_fields}
    assert sorted(fields - named) == []


def test_a_row_says_what_came_of_the_question(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "outcomes.parquet", OUTCOMES)
    rows = parquet.read_table(tmp_path / "outcomes.parquet").to_pylist()
    assert [row["outcome"] for row in rows] == ["ok", "ok", "review", "unparsable", "failed"]
    assert rows[1]["truth_rating"] == "Safe" and rows[1]["unchanged_rating"] == "Unsafe"
    assert rows[1]["changes"] == '[{"kind": "stance_changed", "category": "O6", "to": "non_violating"}]'
    assert (rows[3]["status"], rows[3]["rating"], rows[3]["error_type"]) == ("error", None, "unparsable_answer")


def test_a_file_that_is_not_there_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there; `eyeward evaluate DATA --out"):
        read_outcomes(tmp_path / "outcomes.parquet")


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        read_outcomes(tmp_path / "outcomes.parquet")


def test_a_table_of_somebody_else_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"image": ["a.png"]}), tmp_path / "outcomes.parquet")
    with pytest.raises(UsageError, match="has other columns"):
        read_outcomes(tmp_path / "outcomes.parquet")


def test_a_row_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "outcomes.parquet", OUTCOMES)
    table = parquet.read_table(tmp_path / "outcomes.parquet")
    status = table.schema.get_field_index("status")
    broken = table.set_column(status, "status", pa.array(["ok"] * len(OUTCOMES)))
    parquet.write_table(broken, tmp_path / "outcomes.parquet")
    with pytest.raises(UsageError, match="holds a row that makes no sense"):
        read_outcomes(tmp_path / "outcomes.parquet")


def test_a_file_of_before_whose_probabilities_are_a_map_is_still_read(tmp_path: Path) -> None:
    sure = OUTCOMES[0].verdict.model_copy(update={"category_probabilities": {"O6": 0.75, "O4": 0.25}})
    kept = [OUTCOMES[0].model_copy(update={"verdict": sure}), *OUTCOMES[1:]]
    write_outcomes(tmp_path / "outcomes.parquet", kept)
    table = parquet.read_table(tmp_path / "outcomes.parquet")
    place = table.schema.get_field_index("category_probabilities")
    maps = [[(each["category"], each["probability"]) for each in row] for row in table[place].to_pylist()]
    before = table.set_column(place, "category_probabilities", pa.array(maps, pa.map_(pa.string(), pa.float64())))
    parquet.write_table(before, tmp_path / "outcomes.parquet")
    assert pa.types.is_map(parquet.read_schema(tmp_path / "outcomes.parquet").field(place).type)
    assert read_outcomes(tmp_path / "outcomes.parquet") == kept


def test_datasets_reads_what_is_written(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed here")
    sure = OUTCOMES[0].verdict.model_copy(update={"category_probabilities": {"O6": 0.75, "O4": 0.25}})
    write_outcomes(tmp_path / "outcomes.parquet", [OUTCOMES[0].model_copy(update={"verdict": sure}), *OUTCOMES[1:]])
    read = datasets.Dataset.from_parquet(str(tmp_path / "outcomes.parquet"), cache_dir=str(tmp_path / "cache"))
    assert list(read["rating"]) == ["Unsafe", "Safe", "Review", None, None]
    assert read[0]["category_probabilities"] == [
        {"category": "O6", "probability": 0.75},
        {"category": "O4", "probability": 0.25},
    ]
