"""What is counted is of one run, and says how much of the dataset it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eyeward.annotate.answers import Answers, unfinished
from eyeward.annotate.audit.against import against_run
from eyeward.annotate.audit.counting import audit
from eyeward.annotate.audit.page import audit_page
from eyeward.annotate.audit.sample import draw_sample
from eyeward.annotate.query import answer
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.cli.main import app
from eyeward.errors import UsageError
from eyeward.evaluate.monitor.reading import read_windows
from tests.annotate.world import pictures, png, tar
from tests.evaluate.worlds import guard

STRANGE = "is not of the run in"
LOOKS: tuple[Callable[[Path], object], ...] = (
    audit,
    read_windows,
    lambda run: answer(run, "select count(*) from verdicts"),
    lambda run: draw_sample(run, 4),
)


def shards(folder: Path, count: int = 4) -> Path:
    for shard in range(count):
        tar(folder / f"{shard}.tar", [(f"{shard}-{n}.png", png(20 * shard + n)) for n in range(3)])
    return folder


@pytest.mark.parametrize("look", LOOKS)
def test_a_run_in_the_folder_of_another_is_not_counted_as_a_part_of_it(
    look: Callable[[Path], object], tmp_path: Path
) -> None:
    """Both asked the same of the same guard, so that their fingerprints are the same."""
    annotate(shards(tmp_path / "a"), tmp_path / "runs", guard())
    look(tmp_path / "runs")
    annotate(pictures(tmp_path / "b", [5, 250]), tmp_path / "runs" / "b", guard())
    with pytest.raises(UsageError, match=f"b/images-000000.safety.parquet {STRANGE}"):
        look(tmp_path / "runs")
    look(tmp_path / "runs" / "b")


@pytest.mark.parametrize("look", LOOKS)
def test_a_file_of_another_run_in_the_place_of_its_own_is_not_counted(
    look: Callable[[Path], object], tmp_path: Path
) -> None:
    source = shards(tmp_path / "in")
    annotate(source, tmp_path / "run", guard())
    annotate(source, tmp_path / "strict", guard(threshold=0.01))
    shutil.copy(tmp_path / "strict" / "2.safety.parquet", tmp_path / "run")
    with pytest.raises(UsageError, match=f"2.safety.parquet {STRANGE}"):
        look(tmp_path / "run")


def test_a_drawn_sample_is_no_part_of_a_run_over_everything(tmp_path: Path) -> None:
    source = shards(tmp_path / "in")
    annotate(source, tmp_path / "run", guard())
    annotate(source, tmp_path / "sample", guard(), sample=4)
    shutil.copy(tmp_path / "sample" / "2.safety.parquet", tmp_path / "run")
    with pytest.raises(UsageError, match=f"2.safety.parquet {STRANGE}"):
        audit(tmp_path / "run")
    with pytest.raises(UsageError, match=f"2.safety.parquet {STRANGE}"):
        against_run(tmp_path / "sample", tmp_path / "run")


def test_a_run_that_is_not_finished_says_so_everywhere(tmp_path: Path) -> None:
    source = shards(tmp_path / "in")
    annotate(open_source(source), tmp_path / "run", guard(), rank=1, world_size=3)
    found = audit(tmp_path / "run")
    assert (found.images, found.shards, found.shards_missing) == (3, 1, 3)
    said = "3 of 4 shards are not judged yet; all counts are of the others."
    assert said in audit_page(found)
    result = CliRunner().invoke(app, ["audit", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert said in " ".join(result.stderr.split())
    written = json.loads((tmp_path / "run" / "audit.json").read_text(encoding="utf-8"))
    assert (written["shards"], written["shards_missing"]) == (1, 3)
    annotate(source, tmp_path / "run", guard())
    whole = audit(tmp_path / "run")
    assert (whole.images, whole.shards, whole.shards_missing) == (12, 4, 0)
    assert "judged yet" not in audit_page(whole)
    shards(tmp_path / "in", 6)
    assert audit(tmp_path / "run").shards_missing == 2, "shards that have come since"


def test_where_the_dataset_is_gone_or_another_it_is_not_known(tmp_path: Path) -> None:
    source = shards(tmp_path / "in")
    annotate(source, tmp_path / "run", guard())
    source.rename(tmp_path / "moved")
    found = audit(tmp_path / "run")
    assert found.shards_missing is None
    assert "Whether all shards are judged is not known" in audit_page(found)
    assert audit(tmp_path / "run", source=[str(tmp_path / "moved")]).shards_missing == 0
    tar(tmp_path / "in" / "other.tar", [("a.png", png(1))])
    assert Answers.of(tmp_path / "run").missing() is None


def test_of_a_sample_only_the_shards_count_of_which_images_were_drawn(tmp_path: Path) -> None:
    annotate(shards(tmp_path / "in"), tmp_path / "run", guard(), sample=2)
    found = audit(tmp_path / "run")
    assert (found.shards, found.shards_missing) == (2, 0)


def test_nothing_is_said_of_a_whole_run() -> None:
    assert unfinished(4, 0) == ""
    assert unfinished(1000, 2000).startswith("2,000 of 3,000 shards")
