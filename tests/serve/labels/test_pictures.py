"""The bytes that are shown are those that were queued, and none that are known."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from eyeward.annotate.item import Item as ShardItem
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.annotate.sources.tar import TarShard
from eyeward.data.folder import SampleFolder
from eyeward.errors import ErrorType, ImageError
from eyeward.images import Limits, sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.images.pdq import pdq_hash
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.export import export_samples
from eyeward.serve.labels.pictures import each_image, image_bytes
from eyeward.serve.labels.queues import queue_from_run
from eyeward.serve.labels.records import ImagePlace, Item, Nothing, QueueSettings, Shown
from eyeward.serve.labels.store import LabelStore
from tests.annotate.world import parquet, png, tar
from tests.evaluate.worlds import guard
from tests.images.test_pdq import picture
from tests.serve.labels.world import DEFAULT, EVERYTHING, SAFE

SETTINGS = QueueSettings(name="near", policy=DEFAULT, raters=1)


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


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shards that were read, in order, as often as they were."""
    read: list[str] = []
    items = TarShard.items

    def counted(shard: TarShard, columns: bool = False, only: Container[int] | None = None) -> Iterator[ShardItem]:
        read.append(shard.name)
        return items(shard, columns, only)

    monkeypatch.setattr(TarShard, "items", counted)
    return read


@pytest.fixture
def queued(lite: LabelStore, tmp_path: Path) -> list[Item]:
    """Six images in two archives, in the order of the queue, which is another."""
    (tmp_path / "in").mkdir()
    for name, levels in (("a", (10, 250, 60)), ("b", (20, 240, 70))):
        tar(tmp_path / "in" / f"{name}.tar", [(f"{level}.png", png(level)) for level in levels])
    annotate(open_source(tmp_path / "in"), tmp_path / "run", guard())
    md5 = hashlib.md5(png(99)).hexdigest()
    queue_from_run(lite, SETTINGS, tmp_path / "run", "owner", known=KnownHashes(frozenset([md5])))
    return lite.items("near")


def test_a_shard_is_read_once_for_all_its_images(queued: list[Item], reads: list[str], tmp_path: Path) -> None:
    found = {item.image_sha256: data for item, data in each_image(queued)}
    assert found == {item.image_sha256: image_bytes(item) for item in queued}
    assert sorted(reads[:2]) == ["a", "b"]
    assert len(reads) == 2 + len(queued), "one at a time each is looked for"


def test_queues_and_exports_read_a_shard_once(
    lite: LabelStore, reads: list[str], queued: list[Item], tmp_path: Path
) -> None:
    looked = ["a", "b"]  # when the run was made, and for the list of known images
    assert sorted(reads) == sorted(looked * 2)
    reads.clear()
    desk = ReviewDesk(lite)
    desk.agree("anna", EVERYTHING)
    while not isinstance(offer := desk.take("near", "anna"), Nothing):
        desk.answer("near", offer.image_sha256, "anna", SAFE)
    report = export_samples(lite, "near", tmp_path / "out")
    assert (report.taken, sorted(reads)) == (6, looked)
    names = [Path(sample.image).stem for sample in SampleFolder(tmp_path / "out")]
    assert names == [item.image_sha256 for item in queued], "in the order of the queue"


def test_what_a_shard_does_not_hold_any_more_costs_its_other_images_nothing(queued: list[Item], tmp_path: Path) -> None:
    tar(tmp_path / "in" / "a.tar", [("10.png", png(10)), ("250.png", png(251))])
    (tmp_path / "in" / "b.tar").write_bytes(b"no archive")
    found = {item.image_sha256: data for item, data in each_image(queued)}
    assert found.pop(sha256_of_bytes(png(10))) == png(10)
    assert len(found) == 5
    assert all(isinstance(data, ImageError) for data in found.values())
    changed = found[sha256_of_bytes(png(250))]
    assert isinstance(changed, ImageError) and "not the image that was queued" in changed.message


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


def test_a_picture_that_looks_like_a_known_one_is_shown_to_nobody(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    picture(1, 300, 200).save(file)
    item = shown(ImagePlace(file=str(file)), file.read_bytes())
    assert image_bytes(item, known=KnownHashes(frozenset({"pdq:" + pdq_hash(picture(2, 300, 200))})))
    with pytest.raises(ImageError, match="known images"):
        image_bytes(item, known=KnownHashes(frozenset({"pdq:" + pdq_hash(picture(1, 200, 300))})))
