"""The picture of the losses shows what was logged."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from eyeward.train.tuning.curve import write_curve

HISTORY = [{"step": n, "loss": 4.0 / n} for n in range(1, 41)] + [
    {"step": 20, "eval_loss": 0.4},
    {"step": 40, "eval_loss": 0.2},
]


def test_falling_losses_fall_in_the_picture(tmp_path: Path) -> None:
    write_curve(tmp_path / "loss.svg", HISTORY, "a <name>")
    text = (tmp_path / "loss.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    lines = dict(re.findall(r'class="(\w+)" points="([^"]+)"', text))
    assert set(lines) == {"train", "smooth", "held"}
    heights = [float(point.split(",")[1]) for point in lines["train"].split()]
    assert len(heights) == 40
    assert heights == sorted(heights)
    assert "a &lt;name&gt;" in text


def test_a_run_without_losses_has_no_picture(tmp_path: Path) -> None:
    write_curve(tmp_path / "loss.svg", [{"step": 1, "train_runtime": 2.0}], "empty")
    assert not (tmp_path / "loss.svg").exists()
