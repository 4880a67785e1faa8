"""An audit counts what a run says, and says what that is worth."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from eyeward.annotate.audit.counting import Audit, audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.run import annotate
from eyeward.cli.main import app
from eyeward.errors import UsageError
from eyeward.evaluate.intervals import wilson
from eyeward.images import sha256_of_bytes
from eyeward.images.known import KnownHashes
from tests.annotate.test_export import LENIENT, lenient
from tests.annotate.world import DEFAULT, png, rows, tar, troubled
from tests.evaluate.worlds import guard

LEVELS = (0, 5, 60, 120, 127, 128, 200, 250, 255)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    members = [(f"{level}.png", png(level)) for level in LEVELS] + [("<b>.png", b""), ("known.png", png(9))]
    source = tar(tmp_path / "in" / "a.tar", members)
    lists = KnownHashes(frozenset([sha256_of_bytes(png(9))]))
    of = guard(lenient, band=(0.45, 0.48))
    annotate(source, tmp_path / "run", of, (DEFAULT, LENIENT), known=lists, phash=True)
    return tmp_path / "run"


def test_rows_are_counted_by_rating_category_error_and_threshold(run: Path) -> None:
    found = audit(run)
    default, under_lenient = found.policies
    assert (found.images, default.rows, default.policy) == (11, 11, "default")
    assert {word: count.count for word, count in default.ratings.items()} == {
        "Safe": 4,
        "Unsafe": 5,
        "Review": 1,
        "error": 1,
    }
    assert {name: count.count for name, count in default.unsafe_by_category.items()} == {
        "O1: Hate, Humiliation, Harassment": 4,
        "hash_match": 1,
    }
    assert (default.errors, default.reviews) == ({"unreadable": 1}, {"band": 1})
    unsafe = default.ratings["Unsafe"]
    assert (unsafe.share, (unsafe.low, unsafe.high)) == (5 / 11, wilson(5, 11))
    for threshold, count in default.would_remove.items():
        assert count.count == sum(level / 255 >= float(threshold) for level in LEVELS)
    assert sum(default.histogram) == len(LEVELS)
    assert (default.histogram[0], default.histogram[-1]) == (2, 2)
    assert under_lenient.ratings["Unsafe"].count == 1, "the known one"


def test_doubtful_cases_come_nearest_first(run: Path) -> None:
    nearest = audit(run).policies[0].nearest
    assert [case.key for case in nearest][:3] == ["127", "128", "120"]
    assert len(nearest) == len(LEVELS)


def test_images_that_look_the_same_and_are_rated_otherwise_are_counted(run: Path, tmp_path: Path) -> None:
    found = audit(run).policies[0]
    hashed = [row for row in rows(run) if row["policy_name"] == "default" and row["phash"] is not None]
    groups = {
        phash: {row["rating"] for row in hashed if row["phash"] == phash} for phash in (r["phash"] for r in hashed)
    }
    sizes = [sum(row["phash"] == phash for row in hashed) for phash in groups]
    assert found.look_alikes == sum(size > 1 for size in sizes) > 0
    assert found.look_alikes_apart == sum(len(ratings) > 1 for ratings in groups.values()) > 0
    annotate(troubled(tmp_path / "more", 1), tmp_path / "plain", guard())
    assert audit(tmp_path / "plain").policies[0].look_alikes is None


def test_the_page_says_that_counts_are_not_what_is_there_and_shows_foreign_text_as_text(run: Path) -> None:
    page = audit_page(audit(run))
    assert "not of what is there" in page
    assert "<script" not in page
    assert "<img" not in page
    hostile = tar(run.parent / "h.tar", [("<b>x.png", png(127))])
    annotate(hostile, run.parent / "hostile", guard())
    shown = audit_page(audit(run.parent / "hostile"))
    assert "&lt;b&gt;x" in shown
    assert "<b>x" not in shown


def test_the_command_writes_both_files(run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audit", str(run), "--out", str(tmp_path / "audit")])
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert result.stderr.startswith("11 images under 2 policies")
    assert Audit.model_validate_json((tmp_path / "audit" / "audit.json").read_text()) == audit(run)
    assert (tmp_path / "audit" / "report.html").read_text() == audit_page(audit(run))


def test_a_run_of_which_nothing_is_finished_has_no_audit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        audit(tmp_path)
