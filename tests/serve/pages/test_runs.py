"""Runs: found in folders by the files that they leave, shown in figures; reports in a sandbox, no way out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eyeward.annotate.audit.counting import Audit, PolicyAudit
from eyeward.annotate.audit.counts import Count
from eyeward.annotate.record import GuardRecord, RunRecord
from eyeward.evaluate.breakdown import Tables
from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.monitor.watching import Alarm, Watch
from eyeward.evaluate.summary import GuardMetrics, Metrics
from eyeward.serve.pages import found_runs
from eyeward.serve.pages.found_runs import Kind, RunShelf
from eyeward.serve.pages.site import PageOptions
from tests.serve.pages.visiting import Visit, visiting
from tests.serve.world import service

AUDIT = {
    "source": ["pictures/<b>*.png"],
    "model": {"name": "mini", "revision": "1", "engine": "local"},
    "images": 1200,
    "policies": [{"policy": "default", "rows": 1200, "ratings": {"Safe": {"count": 900, "share": 0.75}}}],
}
METRICS = {
    "data": "scenes",
    "questions": 10,
    "images": 5,
    "guards": [
        {
            "guard": "mini",
            "outcomes": {"ok": 10},
            "tables": {"overall": {"balanced_accuracy": {"value": 0.9125, "low": 0.9, "high": None}}},
        }
    ],
}
WATCH = {"watched": [{}, {}], "alarms": [{"window": "week 2", "sentence": "It drifts."}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(found_runs, "LOOK_AGAIN_SECONDS", 0.0)
    root = tmp_path / "runs"
    for name, file, content in (
        ("annotated", "audit.json", AUDIT),
        ("deep/er/evaluated", "metrics.json", METRICS),
        ("watched", "monitor.json", WATCH),
    ):
        (root / name).mkdir(parents=True)
        (root / name / file).write_text(json.dumps(content), encoding="utf-8")
    (root / "annotated" / "report.html").write_text("<p>the report</p><script>alert(1)</script>", encoding="utf-8")
    (root / "watched" / "monitor.html").write_text("<p>the watch</p>", encoding="utf-8")
    (root / "empty").mkdir()
    (tmp_path / "report.html").write_text("<p>secret</p>", encoding="utf-8")
    return root


@pytest.fixture
def visit(folder: Path) -> Iterator[Visit]:
    with visiting(service(), PageOptions(runs=(folder,))) as visit:
        yield visit


def test_runs_are_listed_with_what_they_found(visit: Visit) -> None:
    page = visit.page("/runs")
    assert '<a href="/runs/run/1/annotated">annotated</a>' in page
    assert '<a href="/runs/run/1/deep/er/evaluated">deep/er/evaluated</a>' in page
    assert "images: 1,200" in page
    assert "alarms: 1" in page
    assert "empty" not in page
    assert "pictures/&lt;b&gt;*.png" in page


def test_a_run_is_shown_in_figures(visit: Visit) -> None:
    assert "900 (75.0%)" in visit.page("/runs/run/1/annotated")
    assert "0.912" in visit.page("/runs/run/1/deep/er/evaluated")
    assert "It drifts." in visit.page("/runs/run/1/watched")


def test_a_report_is_shut_into_a_sandbox(visit: Visit) -> None:
    answer = visit.get("/runs/report/report.html/1/annotated")
    assert answer.status_code == 200
    assert answer.text.startswith("<p>the report</p>")
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[0] == "sandbox"
    assert "default-src 'none'" in policy
    assert not [part for part in policy if part.startswith("script-src")]
    assert "set-cookie" not in answer.headers or "httponly" in answer.headers["set-cookie"].lower()
    assert visit.get("/runs/report/monitor.html/1/watched").text == "<p>the watch</p>"


@pytest.mark.parametrize(
    "path",
    [
        "/runs/report/report.html/1/..",
        "/runs/report/report.html/1/annotated/../..",
        "/runs/report/report.html/1/%2e%2e",
        "/runs/report/report.html/1/..%2f",
        "/runs/report/report.html/../report.html/1",
        "/runs/report/..%2freport.html/1/annotated",
        "/runs/report/audit.json/1/annotated",
        "/runs/report/monitor.html/1/annotated",
        "/runs/report/report.html/1/empty",
        "/runs/report/report.html/2/annotated",
        "/runs/report/report.html//etc",
        "/runs/run/1/none",
        "/runs/run/1",
    ],
)
def test_nothing_else_is_given_out(visit: Visit, path: str) -> None:
    answer = visit.get(path)
    assert answer.status_code == 404, path
    assert "secret" not in answer.text


def test_links_are_not_followed(visit: Visit, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "report.html").write_text("<p>secret</p>", encoding="utf-8")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "empty" / "report.html").symlink_to(tmp_path / "report.html")
    page = visit.page("/runs")
    assert "linked" not in page
    assert "empty" not in page
    (folder / "annotated" / "report.html").unlink()
    (folder / "annotated" / "report.html").symlink_to(tmp_path / "report.html")
    assert visit.get("/runs/report/report.html/1/annotated").status_code == 404


def test_a_link_that_is_put_in_the_place_of_a_report_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_runs, "LOOK_AGAIN_SECONDS", 3600.0)
    with visiting(service(), PageOptions(runs=(folder,))) as visit:
        assert visit.get("/runs/report/report.html/1/annotated").status_code == 200
        (folder / "annotated" / "report.html").unlink()
        (folder / "annotated" / "report.html").symlink_to(folder.parent / "report.html")
        assert visit.get("/runs/report/report.html/1/annotated").status_code == 404


def test_figures_that_cannot_be_read_are_said_to_be_so(folder: Path) -> None:
    (folder / "annotated" / "audit.json").write_text("{", encoding="utf-8")
    found = {run.name: run for run in RunShelf([folder]).runs()}
    assert ("cannot be read", "audit.json") in found["annotated"].facts
    assert found["annotated"].pages == ("report.html",)


def test_names_that_are_no_text_do_no_harm(folder: Path) -> None:
    strange = os.fsdecode(b"run-\xff\xfe")
    (folder / strange).mkdir()
    (folder / strange / "monitor.json").write_text(json.dumps(WATCH), encoding="utf-8")
    (folder / "<script>alert(1)<").mkdir()
    (folder / "<script>alert(1)<" / "report.html").write_text("", encoding="utf-8")
    with visiting(service(), PageOptions(runs=(folder,))) as visit:
        page = visit.page("/runs")
        assert "run-\\udcff" in page
        assert "<script>alert" not in page
        assert visit.get("/runs/run/1/%3Cscript%3Ealert(1)%3C").status_code == 200


def test_what_is_read_of_files_is_what_annotations_and_evaluations_write() -> None:
    for read, written in (
        (found_runs._Audit, Audit),
        (found_runs._PolicyAudit, PolicyAudit),
        (found_runs._Count, Count),
        (found_runs._Metrics, Metrics),
        (found_runs._GuardMetrics, GuardMetrics),
        (found_runs._Tables, Tables),
        (found_runs._Estimate, Estimate),
        (found_runs._Watch, Watch),
        (found_runs._Alarm, Alarm),
        (found_runs._AnnotationRun, RunRecord),
        (found_runs._GuardRecord, GuardRecord),
    ):
        assert set(read.model_fields) <= set(written.model_fields), read


def test_a_folder_with_a_record_of_another_kind_is_a_run_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"eyeward": "1", "data": "x", "questions": 1}), encoding="utf-8")
    (run,) = RunShelf([tmp_path]).runs()
    assert (run.kind, run.pages, run.id, run.name) == (Kind.other, (), "1", tmp_path.name)


def test_folders_are_looked_into_only_so_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b" / "c" / "d"
    (deep / "e").mkdir(parents=True)
    for place in (deep, deep / "e"):
        (place / "report.html").write_text("", encoding="utf-8")
    assert [run.id for run in RunShelf([tmp_path]).runs()] == ["1/a/b/c/d"]
    monkeypatch.setattr(found_runs, "MOST_FOLDERS", 2)
    assert RunShelf([tmp_path]).runs() == []


def test_without_a_folder_the_page_says_how_to_name_one() -> None:
    with visiting(service()) as visit:
        assert "--runs DIR" in visit.page("/runs")


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert RunShelf([tmp_path / "none"]).runs() == []
