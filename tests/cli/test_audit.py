"""`eyeward audit`: counting, sampling, and labels that come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eyeward.annotate.audit.counting import Audit, audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.run import annotate
from eyeward.cli.main import app
from tests.annotate.audit.labelling import fill_in
from tests.annotate.test_export import LENIENT, lenient
from tests.annotate.world import DEFAULT, png, tar
from tests.evaluate.worlds import guard


def run(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tar(tmp_path / "a.tar", [(f"{level}.png", png(level)) for level in range(100, 200)])
    annotate(source, tmp_path / "run", guard(lenient), (DEFAULT, LENIENT))
    return tmp_path / "run"


def test_a_sample_goes_out_and_comes_back_with_labels(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels" / "s.csv"
    drawn = run("sample", folder, "-n", 60, "--policy", "default", "--out", file)
    assert (drawn.exit_code, drawn.stdout) == (0, ""), drawn.output
    assert drawn.stderr.startswith("60 images for labels under default")
    assert "s.strata.json" in drawn.stderr
    fill_in(file, lambda line: ("Unsafe", "O1") if int(line["key"]) >= 190 else ("Safe", ""))
    counted = run(folder, "--labels", file, "--out", tmp_path / "audit")
    assert counted.exit_code == 0, counted.output
    assert "% unsafe (" in counted.stderr
    assert "by 60 labels; the raw count claims 72.00%." in counted.stderr
    found = json.loads((tmp_path / "audit" / "audit.json").read_text())
    right = found["corrected"][0]["prediction_powered"]
    assert right["low"] <= 0.1 <= right["high"] < 0.25


def test_bad_lines_are_named(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    run("sample", folder, "-n", 60, "--policy", "default", "--out", file)
    fill_in(file, lambda line: ("maybe" if int(line["key"]) % 4 == 1 else "Safe", ""))
    counted = run(folder, "--labels", file)
    assert counted.exit_code == 0, counted.output
    assert "is left out: the label is 'maybe'; write Safe, Unsafe or unknown." in counted.stderr
    assert "more line" in counted.stderr


def test_everything_that_is_asked_for_is_in_both_files(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    annotate(tmp_path / "a.tar", other, guard(threshold=0.7))
    result = run(folder, "--against", other, "--against-policy", "lenient", "--policy", "default", "--examples", 2)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    found = Audit.model_validate_json((folder / "audit.json").read_text())
    assert found == audit(folder, against=other, against_policy="lenient", policy="default")
    assert [(one.first, one.second) for one in found.comparisons] == [
        ("default, run", "default, other"),
        ("default", "lenient"),
    ]
    page = (folder / "report.html").read_text()
    assert "<img" in page
    assert page != audit_page(found)


def test_what_is_asked_wrongly_is_refused_with_the_mend(folder: Path, tmp_path: Path) -> None:
    refused = run("sample", folder, "--out", tmp_path / "s.csv")
    assert (refused.exit_code, "--policy default" in refused.stderr) == (2, True)
    assert not (tmp_path / "s.csv").exists()
    refused = run(folder, "--labels", tmp_path / "none.csv")
    assert (refused.exit_code, "cannot be read" in refused.stderr) == (2, True)
    assert not (folder / "audit.json").exists()
    refused = run(folder, "--class-column", "kind")
    assert (refused.exit_code, "no column 'kind'" in refused.stderr) == (2, True)


def test_help_names_both_commands() -> None:
    said = run("--help").output
    assert "count" in said
    assert "sample" in said
