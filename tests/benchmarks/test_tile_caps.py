"""The benchmark of caps on tiles counts what the engine counts, and compares verdicts with those without a cap."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import tile_caps
from eyeward.guard.loading import load_subject
from tests.engine.local.families.processing import noise
from tests.engine.local.tiny import make_checkpoint


def test_fewer_tiles_are_fewer_tokens_and_a_row_for_each_cap_and_size(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    subject = load_subject(tmp_path)
    guards = tile_caps.capped_guards(subject, (1, 2, 0))
    assert list(guards) == ["all", "1", "2"]
    rows = tile_caps.speed(subject, guards, [(300, 300), (300, 90)], rounds=1)
    assert [(row["size"], row["cap"]) for row in rows] == [
        (size, cap) for size in ("300x300", "300x90") for cap in ("all", "1", "2")
    ]
    tokens = {(row["size"], row["cap"]): row["tokens"] for row in rows}
    assert tokens["300x300", "1"] == tokens["300x300", "2"] < tokens["300x300", "all"], "two tiles are no square"
    assert tokens["300x90", "1"] < tokens["300x90", "2"] == tokens["300x90", "all"]
    assert rows[0]["ratio"] == 1.0
    assert [row["as"] for row in rows] == ["all", "1", "1", "all", "1", "all"]
    assert [row["tiles"] for row in rows] == [5, 2, 2, 3, 2, 3]


def test_verdicts_are_compared_with_those_without_a_cap_and_with_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_checkpoint(tmp_path / "tiny")
    labels = []
    for number, rating in enumerate(("Safe", "Unsafe", "Unsafe")):
        noise(number, 200, 70).save(tmp_path / f"{number}.png")
        labels.append(json.dumps({"image": f"{number}.png", "rating": rating}))
    (tmp_path / "labels.jsonl").write_text("\n".join(labels))
    options = ["--model", str(tmp_path / "tiny"), "--caps", "1", "4", "--sizes", "60x60", "--rounds", "1"]
    places = ["--labels", str(tmp_path / "labels.jsonl"), "--json", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", ["tile_caps", *options, *places])
    tile_caps.main()
    rows = {row["cap"]: row for row in json.loads((tmp_path / "out.json").read_text())["agreement"]}
    assert (rows["all"]["same_rating"], rows["all"]["mean_p_difference"]) == (1.0, 0.0)
    assert rows["1"]["mean_p_difference"] > 0.0
    assert rows["4"]["mean_p_difference"] == 0.0, "no grid has more than four tiles"
    assert {row["right"] for row in rows.values()} <= {1 / 3, 2 / 3}
    assert "| 60x60 | 1 |" in capsys.readouterr().out
