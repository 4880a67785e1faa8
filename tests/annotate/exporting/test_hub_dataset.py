"""What is kept as a data set for the Hub: read by `datasets`, and looked at before it leaves like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from eyeward.annotate.export import export
from eyeward.annotate.exporting import Form
from eyeward.annotate.finished import Finished
from eyeward.annotate.run import annotate
from eyeward.data.publishing import plan_dataset
from eyeward.errors import UsageError
from eyeward.publish.hub import HuggingFaceHub
from eyeward.publish.plan import publish
from tests.annotate.world import DEFAULT, EXEMPT, parquet, pictures, png, samples, tar
from tests.evaluate.worlds import guard
from tests.publish.hub_server import running

REPO = "somebody/kept"


def kept(run: Path, out: Path, licence: str | None = None) -> Path:
    export(Finished.open(run), out, form=Form.datasets, licence=licence)
    return out / "dataset"


def loaded(folder: Path, cache: Path) -> Any:
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(cache))


def test_datasets_reads_the_kept_images_with_all_that_was_said_of_them(tmp_path: Path) -> None:
    for shard in (0, 1):
        tar(tmp_path / "in" / f"{shard}.tar", samples(shard, 4))
    annotate(tmp_path / "in", tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    read = loaded(kept(tmp_path / "run", tmp_path / "out", "cc-by-4.0"), tmp_path / "cache")
    levels = [json.loads(row["source_columns"])["level"] for row in read]
    assert levels == [0, 37, 74, 111, 53, 90, 127]
    assert [row["image"].getpixel((0, 0)) for row in read] == [(level,) * 3 for level in levels]
    assert {row["licence"] for row in read} == {"cc-by-4.0"}
    first = read[0]
    assert first["key"] == "000000000"
    assert [(said["policy"], said["rating"]) for said in first["verdicts"]] == [("default", "Safe"), ("exempt", "Safe")]
    assert [row["verdicts"][0]["p_unsafe"] for row in read] == pytest.approx([level / 255 for level in levels])


def test_what_the_dataset_says_of_licences_comes_before_what_is_said_for_the_rest(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", [png(5), png(6)], license=["mit", None])
    annotate(file, tmp_path / "run", guard())
    folder = kept(tmp_path / "run", tmp_path / "out", "cc0-1.0")
    assert loaded(folder, tmp_path / "cache")["licence"] == ["mit", "cc0-1.0"]
    plan = plan_dataset(folder, REPO)
    assert plan.refusals == ()
    assert plan.card.licences == ("cc0-1.0", "mit")
    assert plan.facts == ("2 rows; licences: mit 1, cc0-1.0 1.",)


def test_without_a_licence_it_may_not_leave(tmp_path: Path) -> None:
    annotate(pictures(tmp_path / "in", [5, 6]), tmp_path / "run", guard())
    refusals = [str(refusal) for refusal in plan_dataset(kept(tmp_path / "run", tmp_path / "out"), REPO).refusals]
    assert any("row 1 and 1 more, states no licence" in line for line in refusals)
    assert any("README.md says that the licence is unknown" in line for line in refusals)


def test_it_goes_to_the_hub_and_the_lists_of_what_was_removed_stay_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate(pictures(tmp_path / "in", [5, 250, 6]), tmp_path / "run", guard())
    folder = kept(tmp_path / "run", tmp_path / "out", "mit")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with running() as server:
        publish(plan_dataset(folder, REPO), HuggingFaceHub(server.endpoint, "hf_" + "x" * 34))
    assert server.repos == {f"datasets/{REPO}": True}
    sent = server.files[f"datasets/{REPO}"]
    assert set(sent) == {"README.md", "data/train-00000-of-00001.parquet"}
    assert sent == {name: (folder / name).read_bytes() for name in sent}
    assert loaded(folder, tmp_path / "cache")["key"] == ["even/0000.png", "even/0002.png"]


def test_a_licence_means_nothing_in_other_forms(tmp_path: Path) -> None:
    annotate(pictures(tmp_path / "in", [5]), tmp_path / "run", guard())
    with pytest.raises(UsageError, match="leave --licence out"):
        export(Finished.open(tmp_path / "run"), tmp_path / "out", licence="mit")
