"""A verdict as columns: nothing of it is lost, and every column has its value."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from eyeward import verdict_columns
from eyeward.errors import ErrorType
from eyeward.verdict import Failure, ModelRef, PolicyRef, Rating, Review, ReviewReason, Status, Verdict

POLICY, MODEL = PolicyRef(name="default", version=2, hash="11"), ModelRef(name="mini", revision="r", engine="local")
FULL = Verdict(
    image="a.png",
    sha256="22",
    status=Status.ok,
    rating=Rating.Review,
    category="O6: Weapons or Substance Abuse",
    rationale='It shows a "gun".',
    p_unsafe=0.46875,
    p_unsafe_raw=0.25,
    uncertainty=0.125,
    category_probabilities={"O6": 0.75, "O4": 0.25},
    threshold=0.5,
    review=Review(reason=ReviewReason.band, band=(0.4, 0.6), scope_distance=7.5),
    frames_judged=3,
    notes=("exif_rotated", "several_frames"),
    policy=POLICY,
    prompt_hash="33",
    model=MODEL,
    seconds=0.25,
)
FAILED = Verdict.failed(
    Failure(type=ErrorType.deadline, message="Too late."), image=None, policy=POLICY, model=MODEL, seconds=1.0
)


@pytest.mark.parametrize("verdict", [FULL, FAILED], ids=["full", "failed"])
def test_a_verdict_comes_back_from_a_table_as_it_was(verdict: Verdict) -> None:
    table = pa.Table.from_pylist(
        [verdict_columns.values_of(verdict)], schema=pa.schema(list(verdict_columns.columns(pa).items()))
    )
    assert verdict_columns.verdict_of(table.to_pylist()[0]) == verdict


def test_values_stand_in_the_order_of_the_columns() -> None:
    assert list(verdict_columns.values_of(FULL)) == list(verdict_columns.columns(pa))


def test_every_key_of_a_verdict_has_a_column() -> None:
    flattened = {"review": "review_reason", "policy": "policy_name", "model": "model_name", "error": "error_type"}
    assert {flattened.get(key, key) for key in Verdict.model_fields} <= set(verdict_columns.columns(pa))


def test_a_map_of_probabilities_is_read_as_well() -> None:
    row = verdict_columns.values_of(FULL) | {"category_probabilities": [("O6", 0.75), ("O4", 0.25)]}
    assert verdict_columns.verdict_of(row) == FULL


def test_a_column_that_another_table_leaves_out_is_null() -> None:
    row = verdict_columns.values_of(FULL)
    del row["seconds"]
    assert verdict_columns.verdict_of(row) == FULL.model_copy(update={"seconds": None})


def test_values_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError):
        verdict_columns.verdict_of(verdict_columns.values_of(FAILED) | {"rating": "Safe"})
