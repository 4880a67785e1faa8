"""The simulation of the monitor: a quiet world, a drifting one, and the table of both."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import monitor_simulation as simulation
from eyeward.evaluate.monitor.watching import Kind
from eyeward.images.statistics import RANGES


def test_the_same_seed_is_the_same_half_year_and_the_change_begins_where_it_says() -> None:
    watched, start = simulation.half_year(5, factor=2.0)
    again, _ = simulation.half_year(5, factor=2.0)
    assert watched == again
    shares = [w.window.categories["O6"] / w.window.images for w in watched.watched]
    assert np.mean(shares[start:]) > 1.5 * np.mean(shares[:start])


def test_a_week_holds_what_a_run_with_statistics_holds_and_all_of_it_is_tested() -> None:
    watched, _ = simulation.half_year(5)
    first = watched.watched[0]
    window = first.window
    assert window.ratings.keys() == {"Safe", "Unsafe", "Review", "error"} and min(window.ratings.values()) > 0
    assert window.categories["none"] == window.ratings["error"] < 0.03 * window.images
    answered = window.images - window.ratings["error"]
    assert window.statistics.keys() == RANGES.keys()
    assert all(sum(counts) == answered and max(counts) < 0.3 * answered for counts in window.statistics.values())
    kinds = Counter(test.kind for test in first.tests)
    assert kinds[Kind.images] == len(RANGES) and kinds[Kind.category] == len(simulation.SHARES) + 1
    assert not first.notices


def test_a_doubled_category_is_found_and_a_quiet_world_counts_false_alarms_only() -> None:
    found = simulation.changed(3, 50, "twice", Kind.category, factor=2.0)
    assert (found.half_years, found.found_within_two) == (3, 3)
    assert simulation.quiet(2, 70).found_within_two is None


def test_the_table_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulation, "FACTORS", (2.0,))
    monkeypatch.setattr(simulation, "FALLEN", (0.4,))
    simulation.main(["--half-years", "1", "--json", str(tmp_path / "t.json")])
    printed = capsys.readouterr().out
    assert "| nothing changes | 1 |" in printed and "| O6 2 times as frequent | 1 |" in printed
    written = json.loads((tmp_path / "t.json").read_text())
    assert written[2]["world"] == "recall falls from 0.95 to 0.4"
