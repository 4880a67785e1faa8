from __future__ import annotations

from pathlib import Path

import numpy as np

from eyeward.scenes.contact_sheet import MOST_SCENES, contact_sheet
from eyeward.scenes.labels import write_scenes


def test_the_contact_sheet_grows_by_rows_of_ten(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 11, 5, size=32)
    one, two = contact_sheet(tmp_path / "scenes", written[:10]), contact_sheet(tmp_path / "scenes", written)
    assert one.width == two.width
    assert two.height - one.height > 112
    assert contact_sheet(tmp_path / "scenes", written[:1]).width < one.width


def test_a_contact_sheet_stops_at_a_hundred_scenes(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 1, 5, size=32) * (MOST_SCENES + 1)
    assert contact_sheet(tmp_path / "scenes", written).size == contact_sheet(tmp_path / "scenes", written[:-1]).size


def test_ratings_are_told_apart_by_colour(tmp_path: Path) -> None:
    written = write_scenes(tmp_path / "scenes", 20, 5, size=32)
    safe = next(label for label in written if label.rating == "Safe")
    unsafe = safe.model_copy(update={"rating": next(item.rating for item in written if item.rating == "Unsafe")})
    green, red = (contact_sheet(tmp_path / "scenes", [label]).crop((0, 118, 120, 134)) for label in (safe, unsafe))
    darkest_red, darkest_green = (np.asarray(part).min(axis=(0, 1)) for part in (red, green))
    assert darkest_red[0] > darkest_green[0]
    assert darkest_green[1] > darkest_red[1]
