"""The bytes that are shown are those that were queued, and none that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.errors import ErrorType, ImageError
from eyeward.images import Limits, sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.serve.labels.pictures import image_bytes
from eyeward.serve.labels.queues import queue_from_run
from eyeward.serve.labels.records import ImagePlace, QueueSettings, Shown
from eyeward.serve.labels.store import LabelStore
from tests.annotate.world import parquet, png, tar
from tests.evaluate.worlds import guard
from tests.serve.labels.world import DEFAULT


def shown(place: ImagePlace, data: bytes) -> Shown:
    return Shown(queue="near", image_sha256=sha256_of_bytes(data), place=place, revealed=False)


@pytest.mark.parametrize("kind", ["tar", "parquet"])
def test_images_inside_of_archives_and_tables_are_found(lite: LabelStore, tmp_path: Path, kind: str) -> None:
    contents = [png(level) for level in (10, 250, 60)]
    if kind == "tar":
        file = tar(tmp_path / "a.tar", [(f"{number}.png", data) for number, data in enumerate(contents)])
    else:
        file = parquet(tmp_path / "a.parquet", contents)
    annotate(open_source(file), tmp_path / "run", guard())
    queue_from_run(lite, QueueSettings(name="near", policy=DEFAULT), tmp_path / "run", "owner")
    assert {image_bytes(item) for item in lite.items("near")} == set(contents)
    file.unlink()
    with pytest.raises(ImageError, match="The dataset of the image"):
        image_bytes(lite.items("near")[0])


def test_what_lies_there_now_must_be_what_was_queued(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(10))
    place = ImagePlace(file=str(file))
    assert image_bytes(shown(place, png(10))) == png(10)
    with pytest.raises(ImageError, match="not the image that was queued"):
        image_bytes(shown(place, png(11)))
    with pytest.raises(ImageError) as refused:
        image_bytes(shown(place, png(10)), Limits(max_bytes=10))
    assert refused.value.type is ErrorType.too_large


def test_a_known_image_is_shown_to_nobody(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(10))
    with pytest.raises(ImageError, match="known images"):
        image_bytes(
            shown(ImagePlace(file=str(file)), png(10)), known=KnownHashes(frozenset({sha256_of_bytes(png(10))}))
        )
