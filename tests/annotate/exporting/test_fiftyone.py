"""What is kept as FiftyOne imports it: `data/` and labels by policy, in the form that its documentation gives.

FiftyOne itself is large and starts a database; the form is checked key by key instead.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eyeward.annotate.export import export
from eyeward.annotate.exporting import Form
from eyeward.annotate.finished import Finished
from eyeward.annotate.run import annotate
from eyeward.errors import DataError
from tests.annotate.world import DEFAULT, parquet, pictures, png, tar
from tests.evaluate.worlds import guard

LENIENT = DEFAULT.only("O2", "O6").renamed("lenient")


def labels(folder: Path, policy: str = "default") -> dict[str, dict[str, Any]]:
    """Read labels as FiftyOne does: labels without classes are texts."""
    read = json.loads((folder / "fiftyone" / f"labels.{policy}.json").read_text(encoding="utf-8"))
    assert set(read) == {"labels"}
    for label in read["labels"].values():
        assert set(label) == {"label", "confidence", "attributes"}
        assert isinstance(label["label"], str)
        assert label["confidence"] is None or 0 <= label["confidence"] <= 1
        assert all(isinstance(value, str | int | float) for value in label["attributes"].values())
    found: dict[str, dict[str, Any]] = read["labels"]
    return found


def test_every_kept_image_has_a_file_and_a_label_under_every_policy(tmp_path: Path) -> None:
    members = [("a.png", png(5)), ("b.png", png(250)), ("c.png", b"no image"), ("d.png", png(50))]
    annotate(tar(tmp_path / "s.tar", members), tmp_path / "run", guard(), (DEFAULT, LENIENT))
    export(Finished.open(tmp_path / "run"), tmp_path / "out", form=Form.fiftyone)
    files = {file.stem: file for file in (tmp_path / "out" / "fiftyone" / "data").iterdir()}
    for policy in ("default", "lenient"):
        found = labels(tmp_path / "out", policy)
        assert found.keys() == files.keys() == {"00000000", "00000001"}
        assert [label["label"] for label in found.values()] == ["Safe", "Safe"]
        assert [label["attributes"]["key"] for label in found.values()] == ["a", "d"]
        assert [label["attributes"]["policy_name"] for label in found.values()] == [policy] * 2
    assert labels(tmp_path / "out")["00000001"]["confidence"] == pytest.approx(1 - 50 / 255)
    assert [files[name].name for name in sorted(files)] == ["00000000.png", "00000001.png"]
    assert files["00000001"].read_bytes() == png(50)
    assert not list((tmp_path / "out").glob("*.tar")), "it is written once"


def test_review_has_no_confidence_and_an_export_of_nothing_is_empty(tmp_path: Path) -> None:
    annotate(parquet(tmp_path / "a.parquet", [png(120)]), tmp_path / "run", guard(band=(0.4, 0.6)))
    run = Finished.open(tmp_path / "run")
    export(run, tmp_path / "out", keep_review=True, form=Form.fiftyone)
    (label,) = labels(tmp_path / "out").values()
    assert (label["label"], label["confidence"], label["attributes"]["review_reason"]) == ("Review", None, "band")
    export(run, tmp_path / "none", form=Form.fiftyone)
    assert labels(tmp_path / "none") == {}


def test_loose_files_are_linked_to_by_what_they_are(tmp_path: Path) -> None:
    pictures(tmp_path / "in", [5, 6])
    Image.new("RGB", (8, 8)).save(tmp_path / "in" / "a.png", "JPEG")
    annotate(tmp_path / "in", tmp_path / "run", guard())
    export(Finished.open(tmp_path / "run"), tmp_path / "out", form=Form.fiftyone)
    files = sorted((tmp_path / "out" / "fiftyone" / "data").iterdir())
    assert [file.name for file in files] == ["00000000.jpg", "00000001.png", "00000002.png"]
    assert all(file.is_symlink() for file in files)
    assert files[0].resolve() == (tmp_path / "in" / "a.png").resolve()


def test_an_image_that_is_gone_is_not_passed_over(tmp_path: Path) -> None:
    pictures(tmp_path / "in", [5, 6])
    annotate(tmp_path / "in", tmp_path / "run", guard())
    run = Finished.open(tmp_path / "run")
    (tmp_path / "in" / "even" / "0000.png").unlink()
    with pytest.raises(DataError, match="does not exist. It could be read when it was judged"):
        export(run, tmp_path / "out", form=Form.fiftyone)
