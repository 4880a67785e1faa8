"""Progress is what a person can act on."""

from __future__ import annotations

import pytest

from eyeward.annotate.progress import Progress
from eyeward.annotate.shard_file import Counts
from eyeward.verdict import Rating
from tests.annotate.world import png
from tests.evaluate.worlds import guard


def test_rates_and_time_left_come_from_what_was_done_here() -> None:
    now = [0.0]
    progress = Progress(10, clock=lambda: now[0])
    assert progress.seconds_left is None
    assert progress.share(Rating.Unsafe) is None
    progress.found(
        Counts(images=100, rows=100, ratings={"Safe": 99, "error": 1}, errors={"truncated": 1}, repeated_keys=0)
    )
    assert progress.seconds_left is None, "nothing was judged here yet"
    unsafe = guard().assess(png(250), "default")
    for shard in range(2):
        progress.begin(str(shard))
        for _ in range(100):
            now[0] += 0.1
            progress.add(unsafe, True)
        progress.finish()
    assert progress.images_per_second == pytest.approx(10)
    assert progress.seconds_left == pytest.approx(70)
    assert (progress.images, progress.images_here, progress.shards_done, progress.shards_before) == (300, 200, 3, 1)
    assert progress.share(Rating.Unsafe) == pytest.approx(200 / 300)
    assert progress.share("error") == pytest.approx(1 / 300)
    progress.begin("next")
    for _ in range(40):
        progress.add(unsafe, True)
    assert progress.seconds_left == pytest.approx(660 / 240 * 20)
    progress.abandon()
    assert (progress.images, progress.ratings["Unsafe"], progress.shards_done) == (300, 200, 3)
    progress.unread["next"] = "It cannot be read."
    assert progress.seconds_left == pytest.approx(600 / 240 * 20)


def test_a_finished_run_has_no_time_left() -> None:
    assert Progress(0).seconds_left == 0.0


def test_what_several_workers_have_done_is_added_up() -> None:
    now = [0.0]
    unsafe = guard().assess(png(250), "default")
    first, second = (Progress(0, clock=lambda: now[0]) for _ in range(2))
    for worker in (first, second):
        worker.begin("a")
        for _ in range(10):
            worker.add(unsafe, True)
    first.finish()
    first.unread["b"] = "It cannot be read."
    now[0] = 5.0
    found = Progress(9)
    found.found(Counts(images=7, rows=7, ratings={"Safe": 6, "error": 1}, errors={"truncated": 1}, repeated_keys=0))
    total = Progress(9, clock=lambda: now[0])
    now[0] = 10.0
    total.add_up(found.part(), {"one": first.part(), "two": second.part()})
    assert (total.shards_done, total.shards_before, total.images, total.images_here) == (2, 1, 27, 20)
    assert dict(total.ratings) == {"Safe": 6, "error": 1, "Unsafe": 20}
    assert dict(total.errors) == {"truncated": 1}
    assert total.unread == {"b": "It cannot be read."}
    assert total.shard == "a"
    assert total.workers["one"].images_per_second == pytest.approx(1.0)
    assert total.images_per_second == pytest.approx(4.0)
    assert total.seconds_left == pytest.approx((6 * 17 / 2 - 10) / 4.0)


def test_of_a_dead_worker_only_finished_shards_count() -> None:
    unsafe = guard().assess(png(250), "default")
    worker = Progress(0)
    for shard in ("a", "b"):
        worker.begin(shard)
        worker.add(unsafe, True)
        if shard == "a":
            worker.finish()
    total = Progress(2)
    total.add_up(Progress(2).part(), {"one": worker.part()})
    assert (total.images, total.ratings["Unsafe"]) == (2, 2)
    total.add_up(Progress(2).part(), {"one": worker.part().abandoned()})
    assert (total.images, total.ratings["Unsafe"], total.shards_done, total.shard) == (1, 1, 1, None)
    assert total.images_here == 2, "it was judged, though for nothing"
