"""A limit on pixels holds in training, in the guard that is made, and in whatever else reads its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoImageProcessor

import eyeward
from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.errors import UsageError
from eyeward.train.tuning.finish import finish
from eyeward.train.tuning.pixels import shrinking, write_limit
from tests.engine.local.families.checkpoints import make_qwen
from tests.engine.local.tiny import make_checkpoint
from tests.train.tuning.small import data, tuning

MOST = 3136
"""Four image tokens of 28 x 28 pixels."""


def test_a_guard_keeps_the_limit_that_it_was_trained_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_qwen(tmp_path / "base")
    folder = data(tmp_path / "set")
    free = tuning(tmp_path / "base", folder, tmp_path / "run").plan()[0]
    run = tuning(tmp_path / "base", folder, tmp_path / "run", steps=1, max_pixels=MOST)
    assert run.plan()[0].longest < free.longest
    monkeypatch.setattr(
        "eyeward.train.tuning.finish.load_guard", lambda name, **_: eyeward.load_guard(name, self_check="off")
    )
    guard = finish(run, run.train())
    assert guard is not None
    made = load_checkpoint(guard)
    assert made.preparation.max_pixels == MOST
    assert made.family.token_count(500, 500) <= 4 < load_checkpoint(tmp_path / "base").family.token_count(500, 500)
    theirs = AutoImageProcessor.from_pretrained(guard)
    assert theirs.size["longest_edge"] == MOST


def test_the_limit_is_written_wherever_image_settings_stand(tmp_path: Path) -> None:
    inside = {"image_processor": {"size": {"shortest_edge": 784, "longest_edge": 99}}, "patch_size": 14}
    (tmp_path / "processor_config.json").write_text(json.dumps(inside), encoding="utf-8")
    (tmp_path / "preprocessor_config.json").write_text('{"max_pixels": 5, "size": null}', encoding="utf-8")
    write_limit(tmp_path, None)
    assert json.loads((tmp_path / "processor_config.json").read_text(encoding="utf-8")) == inside
    write_limit(tmp_path, MOST)
    beside = json.loads((tmp_path / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert beside == {"max_pixels": MOST, "size": None}
    found = json.loads((tmp_path / "processor_config.json").read_text(encoding="utf-8"))["image_processor"]
    assert found == {"size": {"shortest_edge": 784, "longest_edge": MOST}, "max_pixels": MOST}


def test_a_limit_that_means_nothing_is_refused(tmp_path: Path) -> None:
    make_qwen(tmp_path / "qwen")
    with pytest.raises(UsageError, match=r"max_pixels cannot be 100: .*less than min_pixels 3136"):
        shrinking(load_checkpoint(tmp_path / "qwen"), 100)
    make_checkpoint(tmp_path / "onevision")
    with pytest.raises(UsageError, match=r"max_pixels is for Qwen2\.5-VL; other models cut images into tiles"):
        shrinking(load_checkpoint(tmp_path / "onevision"), MOST)
