"""What filtering would take from each class."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.annotate.audit.classes import class_effects
from eyeward.annotate.audit.counting import Audit, audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.run import annotate
from eyeward.errors import UsageError
from eyeward.evaluate.intervals import wilson
from tests.annotate.test_export import LENIENT, lenient
from tests.annotate.world import DEFAULT, parquet, pictures, png
from tests.evaluate.worlds import guard


def table(file: Path) -> Path:
    """Write cats (1 of 20 bright), dogs (10 of 20, one without an image), a bright bird, a dark one of no class."""
    levels = [250] + [5] * 19 + [250] * 10 + [5] * 10 + [250, 5]
    classes = ["cat"] * 20 + ["dog"] * 20 + ["<bird>", None]
    return parquet(file, [*map(png, levels), None], label=[*classes, "dog"])


def test_classes_that_surely_lose_most_come_first(tmp_path: Path) -> None:
    annotate(table(tmp_path / "a.parquet"), tmp_path / "run", guard(lenient), (DEFAULT, LENIENT))
    default, under_lenient = class_effects(tmp_path / "run", "label")
    assert (default.policy, under_lenient.policy) == ("default", "lenient")
    lost = [(effect.name, effect.rows, effect.removed.count, effect.unsafe.count) for effect in default.effects]
    assert lost == [("dog", 21, 11, 10), ("<bird>", 1, 1, 1), ("cat", 20, 1, 1), ("(none)", 1, 0, 0)]
    assert (default.effects[0].removed.low, default.effects[0].removed.high) == wilson(11, 21)
    assert (default.removed.count, default.classes) == (13, 4)
    assert [effect.removed.count for effect in under_lenient.effects] == [1, 0, 0, 0], "the row without an image"


def test_folders_are_the_classes_of_loose_files(tmp_path: Path) -> None:
    annotate(pictures(tmp_path / "in", [250, 5] * 8), tmp_path / "run", guard())
    (found,) = class_effects(tmp_path / "run", "folder")
    assert [(effect.name, effect.removed.share) for effect in found.effects] == [("even", 1.0), ("odd", 0.0)]
    (tmp_path / "in").rename(tmp_path / "moved")
    assert class_effects(tmp_path / "run", "folder", [str(tmp_path / "moved")]) == (found,)


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    annotate(table(tmp_path / "a.parquet"), tmp_path / "run", guard())
    with pytest.raises(UsageError, match="no column 'kind'; it has label"):
        class_effects(tmp_path / "run", "kind")


def test_the_page_shows_classes_as_text(tmp_path: Path) -> None:
    annotate(table(tmp_path / "a.parquet"), tmp_path / "run", guard())
    found = audit(tmp_path / "run", class_column="label")
    assert Audit.model_validate_json(found.model_dump_json()) == found
    page = audit_page(found)
    assert "What filtering takes from each class: label" in page
    assert "&lt;bird&gt;" in page
    assert "<bird>" not in page
