"""Datasets of the Hugging Face Hub are read from where they are, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec.config
import pytest
from huggingface_hub import HfFileSystem

from eyeward.annotate.run import annotate
from eyeward.annotate.sources import Kind, open_source
from eyeward.errors import UsageError
from tests.annotate.hub import REPO, Hub, running
from tests.annotate.world import parquet, png, rows
from tests.evaluate.worlds import guard


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {"README.md": b"---\nlicense: mit\n---\nPictures.\n"}
    for name, levels in {"train-00000-of-00002": (5, 250), "train-00001-of-00002": (6,), "test-00000": (7,)}.items():
        file = parquet(tmp_path / "made" / f"{name}.parquet", [png(level) for level in levels], id=[*map(str, levels)])
        files[f"data/{name}.parquet"] = file.read_bytes()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with running(files) as server:
        monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": server.endpoint, "token": False})
        yield server
        HfFileSystem.clear_instance_cache()


def test_a_dataset_is_named_by_its_id_and_every_split_of_it_is_judged(hub: Hub, tmp_path: Path) -> None:
    source = open_source(f"hf://{REPO}")
    assert source.kind is Kind.parquet
    assert [shard.name for shard in source.shards] == ["test-00000", "train-00000-of-00002", "train-00001-of-00002"]
    annotate(source, tmp_path / "out", guard())
    assert {row["key"]: row["rating"] for row in rows(tmp_path / "out")} == {
        "5": "Safe",
        "250": "Unsafe",
        "6": "Safe",
        "7": "Safe",
    }


def test_some_of_its_files_are_named_by_a_pattern(hub: Hub) -> None:
    source = open_source(f"hf://{REPO}/data/train-*.parquet")
    assert [shard.name for shard in source.shards] == ["train-00000-of-00002", "train-00001-of-00002"]


def test_its_files_are_told_apart_by_the_digests_of_the_hub_without_being_read(hub: Hub) -> None:
    before = [shard.identity() for shard in open_source(f"hf://{REPO}").shards]
    assert (len(set(before)), hub.ranges) == (3, [])
    hub.files["data/test-00000.parquet"] = hub.files["data/train-00001-of-00002.parquet"]
    HfFileSystem.clear_instance_cache()
    after = [shard.identity() for shard in open_source(f"hf://{REPO}").shards]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, True]


def test_what_is_not_there_is_refused(hub: Hub) -> None:
    for name in ("hf://datasets/somebody/else", f"hf://{REPO}/missing.parquet"):
        with pytest.raises(UsageError, match="There is no file or folder"):
            open_source(name)
