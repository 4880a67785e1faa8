"""A run answers every image once under every policy, and goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eyeward.annotate.claims import Claims
from eyeward.annotate.local_folder import LocalFolder
from eyeward.annotate.progress import Progress
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, EyewardError, UsageError
from eyeward.guard import Guard, Request
from eyeward.images import decode, perceptual_hash
from eyeward.images.decode import DecodedImage
from eyeward.images.fetch import Fetcher, FetchRules
from eyeward.images.statistics import statistics_of
from eyeward.verdict import Failure, Verdict
from tests.annotate.sources.test_parquet import FakeFetcher
from tests.annotate.world import DEFAULT, EXEMPT, SHARD_IMAGES, left_behind, pictures, png, rows, tar, troubled, written
from tests.evaluate.worlds import asked, guard
from tests.fakes import by_brightness, raw_answer


def test_every_image_has_one_row_under_every_policy_in_order(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 4)
    progress = annotate(source, tmp_path / "out", guard(), (DEFAULT, EXEMPT))
    found = rows(tmp_path / "out")
    assert [row["policy_name"] for row in found] == ["default", "exempt"] * (len(found) // 2)
    once = found[::2]
    expected = [(shard.name, item.index, item.key) for shard in open_source(source).shards for item in shard.items()]
    assert [(row["shard"], row["index"], row["key"]) for row in once] == expected
    assert (progress.images, progress.rows, progress.shards_done) == (len(once), len(found), 4)
    assert dict(progress.errors) == {"unsupported_format": 2, "truncated": 2}


def test_rows_hold_the_verdict_and_no_time(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("bright.png", png(250)), ("dark.png", png(9))])
    annotate(source, tmp_path / "out", guard())
    bright, dark = rows(tmp_path / "out")
    assert (bright["rating"], bright["category"]) == ("Unsafe", "O1: Hate, Humiliation, Harassment")
    assert (dark["rating"], dark["category"], dark["status"]) == ("Safe", "NA: None applying", "ok")
    assert bright["p_unsafe"] == pytest.approx(250 / 255)
    assert bright["image"] == bright["key"] == "bright"
    decoded = decode(png(250))
    assert isinstance(decoded, DecodedImage)
    assert bright["sha256"] == decoded.sha256
    assert (bright["model_name"], bright["policy_hash"]) == ("bright", DEFAULT.hash)
    assert "seconds" not in bright
    assert bright["phash"] is None
    assert bright["category_probabilities"][0] == {"category": "O1", "probability": pytest.approx(1.0)}


def test_what_is_no_image_is_a_row_with_its_error_and_no_rating(tmp_path: Path) -> None:
    members = [("a.png", png(3)), ("b.png", b"no image"), ("c.json", b"{}"), ("d.png", png(4)), ("d.jpg", png(5))]
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "out", guard())
    found = rows(tmp_path / "out")
    assert [(row["key"], row["rating"], row["error_type"]) for row in found] == [
        ("a", "Safe", None),
        ("b", None, "unsupported_format"),
        ("c", None, "not_found"),
        ("d.png", "Safe", None),
        ("d.jpg", "Safe", None),
    ]
    assert found[2]["error_message"] == "a: c: The sample holds no image and no video (it has json)."


def test_an_image_is_decoded_once_for_several_policies_and_asked_under_each(tmp_path: Path) -> None:
    of = guard()
    annotate(tar(tmp_path / "a.tar", [("a.png", png(200))]), tmp_path / "out", of, (DEFAULT, EXEMPT))
    assert asked(of) == 2
    assert [row["policy_hash"] for row in rows(tmp_path / "out")] == [DEFAULT.hash, EXEMPT.hash]


def test_a_finished_run_asks_nothing_and_counts_what_is_there(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 3)
    first = annotate(source, tmp_path / "out", guard())
    before = written(tmp_path / "out")
    again = guard()
    second = annotate(source, tmp_path / "out", again)
    assert asked(again) == 0
    assert written(tmp_path / "out") == before
    assert (second.images, second.ratings, second.errors) == (first.images, first.ratings, first.errors)
    assert (second.shards_before, second.images_here) == (3, 0)


def test_shards_that_come_later_are_judged_later(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    annotate(source, tmp_path / "out", guard())
    tar(source / "00009.tar", [("new.png", png(1))])
    of = guard()
    assert annotate(source, tmp_path / "out", of).shards_done == 3
    assert asked(of) == 1


def test_a_dead_engine_stops_the_run_before_a_shard_is_full_of_errors(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 3)
    answered: list[Prompt] = []

    def down_after_a_shard(prompt: Prompt) -> RawAnswer:
        answered.append(prompt)
        if len(answered) > SHARD_IMAGES:
            return RawAnswer(error=Failure(type=ErrorType.engine_unavailable, message="Nobody answers."))
        return by_brightness(prompt)

    with pytest.raises(EyewardError, match="is not available: 11 questions about '00001' one after the other"):
        annotate(source, tmp_path / "out", guard(down_after_a_shard))
    assert [file.name for file in (tmp_path / "out").glob("*.parquet")] == ["00000.safety.parquet"]
    assert left_behind(tmp_path / "out") == []
    annotate(source, tmp_path / "out", guard())
    annotate(source, tmp_path / "whole", guard())
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_an_engine_that_dies_in_the_midst_of_a_long_shard_stops_the_run_soon(tmp_path: Path) -> None:
    answered: list[Prompt] = []

    def dies(prompt: Prompt) -> RawAnswer:
        answered.append(prompt)
        if len(answered) > 10:
            return RawAnswer(error=Failure(type=ErrorType.engine_unavailable, message="Nobody answers."))
        return by_brightness(prompt)

    source = tar(tmp_path / "a.tar", [(f"{number:04}.png", png(number % 256)) for number in range(400)])
    with pytest.raises(EyewardError, match="100 questions about 'a' one after the other"):
        annotate(source, tmp_path / "out", guard(dies))
    assert len(answered) < 200
    assert list((tmp_path / "out").glob("*.parquet")) == []


def failing_at(level: int, type: ErrorType) -> Callable[[Prompt], RawAnswer]:
    """Fail on pictures of one level."""

    def answer(prompt: Prompt) -> RawAnswer:
        if prompt.images[0].getpixel((0, 0)) == (level, level, level):
            return RawAnswer(error=Failure(type=type, message="Not now."))
        return by_brightness(prompt)

    return answer


def test_failures_that_may_have_passed_are_judged_again_when_asked(tmp_path: Path) -> None:
    source = tmp_path / "in"
    tar(source / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    tar(source / "b.tar", [("c.png", png(3)), ("broken.png", b"")])
    annotate(source, tmp_path / "out", guard(failing_at(2, ErrorType.deadline)))
    assert [row["error_type"] for row in rows(tmp_path / "out")] == [None, "deadline", None, "unreadable"]
    of = guard()
    annotate(source, tmp_path / "out", of)
    assert asked(of) == 0
    annotate(source, tmp_path / "out", of, retry_failed=True)
    assert asked(of) == 2
    assert [row["error_type"] for row in rows(tmp_path / "out")] == [None, None, None, "unreadable"]


def test_what_fails_again_stays_failed_and_the_run_ends(tmp_path: Path) -> None:
    source = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    of = guard(failing_at(2, ErrorType.deadline))
    annotate(source, tmp_path / "out", of)
    annotate(source, tmp_path / "out", of, retry_failed=True)
    assert asked(of) == 4


def test_what_was_refused_is_fetched_when_its_host_is_named_later_and_that_is_asked_for(tmp_path: Path) -> None:
    urls = [f"https://h/{number}" for number in range(3)]
    pq.write_table(pa.table({"url": urls}), tmp_path / "a.parquet")
    fetcher = FakeFetcher({url: png(level) for url, level in zip(urls, (9, 250, 10), strict=True)})
    annotate(open_source(tmp_path / "a.parquet", fetcher=Fetcher(FetchRules())), tmp_path / "out", guard())
    assert [row["error_type"] for row in rows(tmp_path / "out")] == ["fetch_refused"] * 3
    allowed = open_source(tmp_path / "a.parquet", fetcher=fetcher)
    annotate(allowed, tmp_path / "out", guard())
    assert fetcher.asked == 0
    annotate(allowed, tmp_path / "out", guard(), retry_failed=True)
    assert [row["rating"] for row in rows(tmp_path / "out")] == ["Safe", "Unsafe", "Safe"]


def test_what_another_process_has_just_tried_again_is_not_tried_once_more(tmp_path: Path) -> None:
    source = tmp_path / "in"
    tar(source / "a.tar", [("a.png", png(2))])
    tar(source / "b.tar", [("b.png", png(2)), ("c.png", png(2))])
    of = guard(failing_at(2, ErrorType.deadline))
    annotate(source, tmp_path / "out", of)
    other = Claims(LocalFolder(tmp_path / "out")).take("a")
    assert other is not None
    with ExitStack() as held:
        held.enter_context(other)

        def watch(progress: Progress) -> None:
            if progress.shards_done == 1:
                held.close()

        annotate(source, tmp_path / "out", of, retry_failed=True, lease=20.0, watch=watch)
    assert asked(of) == 3 + 2


def reasoned(prompt: Prompt) -> RawAnswer:
    """Answer by brightness, with a reason of its own."""
    level = prompt.images[0].convert("L").getpixel((0, 0))
    assert isinstance(level, int | float)
    return raw_answer(prompt, level / 255, rationale=f"Level {level:g}.")


@pytest.mark.parametrize(
    ("explain", "explained"),
    [
        ("never", []),
        ("unsafe", [140, 250]),
        ("above 0.3", [100, 140, 250]),
        ("all", [5, 100, 140, 250]),
    ],
)
def test_rationales_are_written_only_where_they_are_asked_for(
    explain: str, explained: list[int], tmp_path: Path
) -> None:
    members = [(f"{level}.png", png(level)) for level in (5, 100, 140, 250)] + [("broken.png", b"")]
    of = guard(reasoned)
    annotate(tar(tmp_path / "a.tar", members), tmp_path / "out", of, (DEFAULT,), explain=explain)
    found = rows(tmp_path / "out")
    assert [row["key"] for row in found] == ["5", "100", "140", "250", "broken"]
    assert {row["key"]: row["rationale"] for row in found if row["rationale"]} == {
        str(level): f"Level {level}." for level in explained
    }
    assert asked(of) == (4 if explain in ("never", "all") else 4 + len(explained))


def test_a_rationale_that_fails_leaves_the_verdict_as_it_was(tmp_path: Path) -> None:
    def no_reasons(prompt: Prompt) -> RawAnswer:
        if prompt.explain:
            return RawAnswer(error=Failure(type=ErrorType.deadline, message="Too long."))
        return by_brightness(prompt)

    annotate(tar(tmp_path / "a.tar", [("a.png", png(250))]), tmp_path / "out", guard(no_reasons), explain="unsafe")
    (row,) = rows(tmp_path / "out")
    assert (row["rating"], row["rationale"], row["error_type"]) == ("Unsafe", None, None)


def test_a_sample_is_drawn_from_all_shards_and_is_always_the_same(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 5)
    annotate(source, tmp_path / "out", guard(), sample=8)
    found = rows(tmp_path / "out")
    assert len(found) == 8
    assert sorted(sum(row["shard"] == f"{shard:05}" for row in found) for shard in range(5)) == [1, 1, 2, 2, 2]
    annotate(source, tmp_path / "again", guard(), sample=8)
    assert written(tmp_path / "again") == written(tmp_path / "out")
    all_of_it = {(row["shard"], row["index"]): row for row in everything(source, tmp_path / "all")}
    assert all(row == all_of_it[row["shard"], row["index"]] for row in found)
    assert len({row["index"] for row in found}) > 3


def everything(source: Path, out: Path) -> list[dict[str, object]]:
    annotate(source, out, guard())
    return rows(out)


def test_a_sample_of_a_dataset_that_has_grown_is_another_one(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    annotate(source, tmp_path / "out", guard(), sample=4)
    tar(source / "00009.tar", [("new.png", png(1))])
    with pytest.raises(UsageError, match="belongs to another run"):
        annotate(source, tmp_path / "out", guard(), sample=4)


def test_a_sample_smaller_than_the_shards_opens_few(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 5)
    annotate(source, tmp_path / "out", guard(), sample=2)
    assert len(rows(tmp_path / "out")) == len(list((tmp_path / "out").glob("*.parquet"))) == 2


def test_perceptual_hashes_are_those_of_the_images(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", [3, 200])
    (folder / "odd" / "broken.png").write_bytes(b"")
    annotate(folder, tmp_path / "out", guard(), (DEFAULT, EXEMPT), phash=True)
    decoded = decode(png(3))
    assert isinstance(decoded, DecodedImage)
    expected = perceptual_hash(decoded.frames[0].pixels)
    assert [row["phash"] for row in rows(tmp_path / "out")] == [expected] * 4 + [None] * 2


def test_numbers_about_images_are_columns_where_they_are_wanted(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", [3, 200])
    (folder / "odd" / "broken.png").write_bytes(b"")
    annotate(folder, tmp_path / "out", guard(), (DEFAULT, EXEMPT), statistics=True)
    found = rows(tmp_path / "out")
    decoded = decode(png(3))
    assert isinstance(decoded, DecodedImage)
    numbers = statistics_of(decoded.frames[0].pixels).values()
    assert {f"image_{name}": value for name, value in numbers.items()}.items() <= found[0].items()
    assert [row["phash"] for row in found] == [None] * 6
    assert sorted(row["image_brightness"] is None for row in found) == [False] * 4 + [True] * 2
    again = guard()
    annotate(folder, tmp_path / "out", again, (DEFAULT, EXEMPT), statistics=True)
    assert asked(again) == 0
    with pytest.raises(UsageError, match="statistics is false and was true"):
        annotate(folder, tmp_path / "out", guard(), (DEFAULT, EXEMPT))


def test_loose_files_are_cut_into_shards(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", range(7))
    annotate(open_source(folder, images_per_shard=3), tmp_path / "out", guard())
    found = rows(tmp_path / "out")
    assert [row["key"] for row in found] == [
        *(f"even/{number:04}.png" for number in (0, 2, 4, 6)),
        *(f"odd/{number:04}.png" for number in (1, 3, 5)),
    ]
    assert [(row["shard"], row["index"]) for row in found][2:5] == [
        ("images-000000", 2),
        ("images-000001", 0),
        ("images-000001", 1),
    ]


def test_a_guard_that_loses_a_verdict_or_invents_one_writes_nothing(tmp_path: Path) -> None:
    class Loses(Guard):
        def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
            yield from list(super().assess_requests(requests))[1:]

    class Invents(Guard):
        def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
            found = list(super().assess_requests(requests))
            yield from [*found, found[-1]]

    source = tar(tmp_path / "a.tar", [("a.png", png(1)), ("b.png", png(2))])
    for kind, said in ((Loses, "gave no verdict to 'b'"), (Invents, "a verdict that nobody asked for")):
        of = guard()
        broken = kind(engine=of.engine, profile=of.profile, model=of.model, rule=of.rule)
        with pytest.raises(EyewardError, match=said):
            annotate(source, tmp_path / kind.__name__, broken)
        assert list((tmp_path / kind.__name__).glob("*.parquet")) == []


def test_progress_counts_as_it_goes_and_forgets_what_is_abandoned(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 2)
    seen: list[tuple[int, int]] = []

    def watch(progress: Progress) -> None:
        seen.append((progress.shards_done, progress.images))

    annotate(source, tmp_path / "out", guard(), (DEFAULT, EXEMPT), watch=watch)
    assert seen[0] == (0, 0)
    assert seen[1:3] == [(0, 1), (0, 1)]
    assert seen[-1][0] == 2
    assert [images for _, images in seen] == sorted(images for _, images in seen)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"policies": ()}, "No policy is named"),
        ({"policies": (DEFAULT, DEFAULT.renamed("twin"))}, "say the same"),
        ({"sample": 0}, "at least one image"),
        ({"rank": 2, "world_size": 2}, "rank is a number from 0 to 1"),
        ({"explain": "above"}, "not for 'above'"),
        ({"explain": "above 1.5"}, "not for 'above 1.5'"),
        ({"explain": "sometimes"}, "not for 'sometimes'"),
        ({"lease": 0}, "A lease lasts longer"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, object], said: str, tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 1)
    with pytest.raises(UsageError, match=said):
        annotate(source, tmp_path / "out", guard(), **arguments)  # type: ignore[arg-type]


def test_shards_that_cannot_be_read_now_are_named_and_the_others_done(tmp_path: Path) -> None:
    source = troubled(tmp_path / "in", 3)
    opened = open_source(source)
    moved = (source / "00001.tar").rename(tmp_path / "moved")
    progress = annotate(opened, tmp_path / "out", guard())
    assert list(progress.unread) == ["00001"]
    assert progress.shards_done == 2
    moved.rename(source / "00001.tar")
    assert annotate(opened, tmp_path / "out", guard()).unread == {}
    annotate(opened, tmp_path / "whole", guard())
    assert written(tmp_path / "out") == written(tmp_path / "whole")
