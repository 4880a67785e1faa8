"""Queues hold what a run judged, in the order that was asked for, and never an image that is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from eyeward.annotate.audit.sample import draw_sample, write_sample
from eyeward.annotate.run import annotate
from eyeward.annotate.sources import open_source
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import ErrorType, UsageError
from eyeward.images import sha256_of_bytes
from eyeward.images.known import KnownHashes
from eyeward.images.pdq import pdq_hash
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.pictures import image_bytes
from eyeward.serve.labels.queues import queue_from_folder, queue_from_run, queue_from_sample
from eyeward.serve.labels.records import Item, Nothing, Order, QueueSettings
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import Failure, Rating
from tests.annotate.world import DEFAULT, EXEMPT, pictures, png, tar
from tests.data.drawn import encoded, picture
from tests.evaluate.worlds import guard
from tests.fakes import brightness, by_brightness, raw_answer
from tests.images.test_pdq import picture as seen
from tests.serve.labels.world import EVERYTHING, HATE, SAFE, UNSAFE

LEVELS = (10, 250, 120, 140, 60, 200, 250, 127)


def asked(order: Order = Order.random, **more: object) -> QueueSettings:
    return QueueSettings.model_validate({"name": "near", "policy": DEFAULT, "order": order, **more})


def levels(store: LabelStore) -> list[int]:
    """Return the brightness of the queued images, in their order."""
    by_hash = {sha256_of_bytes(png(level)): level for level in range(256)}
    return [by_hash[item.image_sha256] for item in store.items("near")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "in", LEVELS)


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Path:
    annotate(open_source(folder), tmp_path / "run", guard(), (DEFAULT, EXEMPT))
    return tmp_path / "run"


def test_a_queue_of_a_run_has_each_image_once_with_what_the_guard_said(lite: LabelStore, run: Path) -> None:
    made = queue_from_run(lite, asked(), run, "owner")
    assert (made.items, made.left_out) == (7, {"same_image": 1})
    assert sorted(levels(lite)) == sorted(set(LEVELS))
    bright = next(item for item in lite.items("near") if item.image_sha256 == sha256_of_bytes(png(200)))
    assert [(claim.by, claim.policy, claim.rating, claim.category) for claim in bright.claims] == [
        ("bright", "default", Rating.Unsafe, HATE),
        ("bright", "exempt", Rating.Unsafe, HATE),
    ]
    assert bright.claims[0].p_unsafe == pytest.approx(200 / 255)
    assert bright.claims[0].threshold == 0.5
    assert bright.name.endswith("0005.png")
    assert lite.categories("near") == [HATE]


def test_every_queued_image_is_found_again(lite: LabelStore, run: Path) -> None:
    queue_from_run(lite, asked(), run, "owner")
    for item in lite.items("near"):
        assert sha256_of_bytes(image_bytes(item)) == item.image_sha256


def test_the_lot_is_the_same_for_a_seed_and_another_for_another(lite: LabelStore, run: Path) -> None:
    orders = []
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        queue_from_run(lite, asked(name=name, seed=seed), run, "owner")
        orders.append([item.image_sha256 for item in lite.items(name)])
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_nearest_to_the_threshold_comes_first_and_the_most_are_kept(lite: LabelStore, run: Path) -> None:
    made = queue_from_run(lite, asked(Order.nearest, most=4), run, "owner")
    assert levels(lite) == [127, 120, 140, 60]
    assert made.left_out == {"same_image": 1, "beyond_most": 3}


def stubborn(bright: Sequence[int]) -> Callable[[Prompt], RawAnswer]:
    """Call some levels unsafe, and all others safe."""
    return lambda prompt: raw_answer(prompt, 0.9 if round(255 * brightness(prompt)) in bright else 0.1)


def test_what_guards_differ_about_comes_first(lite: LabelStore, run: Path, folder: Path, tmp_path: Path) -> None:
    annotate(open_source(folder), tmp_path / "other", guard(stubborn([60, 250]), name="other"))
    queue_from_run(lite, asked(Order.disagreement), run, "owner", against=[tmp_path / "other"])
    first = lite.items("near")[0]
    assert levels(lite)[:3] == [200, 60, 140]
    assert {claim.by for claim in first.claims} == {"bright", "other"}
    assert first.claims[0].policy_hash == DEFAULT.hash


def test_what_policies_differ_about_comes_first(lite: LabelStore, folder: Path, tmp_path: Path) -> None:
    def answer(prompt: Prompt) -> RawAnswer:
        allowed = "declared as non-violating" in str(prompt.segments)
        return raw_answer(prompt, 0.9) if allowed and round(255 * brightness(prompt)) == 60 else by_brightness(prompt)

    annotate(open_source(folder), tmp_path / "run", guard(answer), (DEFAULT, EXEMPT))
    queue_from_run(lite, asked(Order.disagreement), tmp_path / "run", "owner")
    assert levels(lite)[0] == 60
    assert [claim.rating for claim in lite.items("near")[0].claims] == [Rating.Safe, Rating.Unsafe]


def test_what_earlier_raters_differed_about_comes_first(lite: LabelStore, run: Path) -> None:
    queue_from_run(lite, asked(name="before", seed=3), run, "owner")
    desk = ReviewDesk(lite)
    dark = sha256_of_bytes(png(10))
    for user, other in (("anna", SAFE), ("ben", UNSAFE)):
        desk.agree(user, EVERYTHING)
        while not isinstance(offer := desk.take("before", user), Nothing):
            desk.answer("before", offer.image_sha256, user, other if offer.image_sha256 == dark else SAFE)
    queue_from_run(lite, asked(Order.disagreement), run, "owner", earlier="before")
    first = lite.item("near", dark)
    assert [claim.by for claim in first.claims] == ["bright", "bright", "before", "before"]
    assert [claim.rating for claim in first.claims[2:]] == [Rating.Safe, Rating.Unsafe]
    assert levels(lite)[:4] == [10, 250, 200, 140]


def test_known_images_and_what_looks_like_them_are_never_queued(lite: LabelStore, tmp_path: Path) -> None:
    known_one, same_look = encoded(picture(1)), encoded(picture(1), compress_level=1)
    assert known_one != same_look
    members = [("a.png", known_one), ("b.png", same_look), ("c.png", encoded(picture(2)))]
    source = open_source(tar(tmp_path / "a.tar", members))
    known = KnownHashes(frozenset({sha256_of_bytes(known_one)}))
    annotate(source, tmp_path / "run", guard(), known=known, phash=True)
    made = queue_from_run(lite, asked(), tmp_path / "run", "owner")
    assert [item.name for item in lite.items("near")] == ["c"]
    assert made.left_out == {"known": 2}


def test_what_looks_like_a_picture_on_a_newer_list_is_not_queued(lite: LabelStore, tmp_path: Path) -> None:
    members = {f"{seed}.png": encoded(seen(seed, 300, 200)) for seed in (1, 2)}
    tar(tmp_path / "a.tar", members.items())
    (tmp_path / "in").mkdir()
    for name, content in members.items():
        (tmp_path / "in" / name).write_bytes(content)
    annotate(open_source(tmp_path / "a.tar"), tmp_path / "run", guard())
    known = KnownHashes(frozenset({"pdq:" + pdq_hash(seen(1, 200, 300))}))
    for name, made in (
        ("run", queue_from_run(lite, asked(name="run"), tmp_path / "run", "owner", known=known)),
        ("folder", queue_from_folder(lite, asked(name="folder"), tmp_path / "in", "owner", known=known)),
    ):
        assert made.left_out["known"] == 1
        assert [item.image_sha256 for item in lite.items(name)] == [sha256_of_bytes(members["2.png"])]


@pytest.mark.parametrize("digest", [sha256_of_bytes(png(200)), hashlib.md5(png(200)).hexdigest()])
def test_lists_of_known_images_may_be_newer_than_the_run(
    lite: LabelStore, run: Path, folder: Path, digest: str
) -> None:
    known = KnownHashes(frozenset({digest}))
    for name, made in (
        ("run", queue_from_run(lite, asked(name="run"), run, "owner", known=known)),
        ("folder", queue_from_folder(lite, asked(name="folder"), folder, "owner", known=known)),
    ):
        assert made.left_out["known"] == 1
        assert sha256_of_bytes(png(200)) not in {item.image_sha256 for item in lite.items(name)}


def test_images_that_a_guard_failed_at_are_queued_as_unknown_and_broken_ones_are_not(
    lite: LabelStore, tmp_path: Path
) -> None:
    def answer(prompt: Prompt) -> RawAnswer:
        if round(255 * brightness(prompt)) == 40:
            return RawAnswer(error=Failure(type=ErrorType.unparsable_answer, message="?"))
        return by_brightness(prompt)

    members = [("a.png", png(250)), ("b.png", b"no image"), ("c.png", png(40))]
    annotate(open_source(tar(tmp_path / "a.tar", members)), tmp_path / "run", guard(answer))
    made = queue_from_run(lite, asked(Order.nearest), tmp_path / "run", "owner")
    assert levels(lite) == [250, 40]
    assert made.left_out == {"unreadable": 1}
    assert lite.categories("near") == [HATE, "unknown"]
    assert sha256_of_bytes(image_bytes(lite.items("near")[1])) == sha256_of_bytes(png(40))


def test_a_queue_of_a_sample_is_the_sample_in_its_order(lite: LabelStore, run: Path, tmp_path: Path) -> None:
    sample, drawn, record = draw_sample(run, 5, "default")
    write_sample(tmp_path / "s.csv", sample, drawn, record)
    made = queue_from_sample(lite, asked(), run, tmp_path / "s.csv", "owner")
    assert made.settings.order is Order.drawn
    keys = [one.key for one in drawn]
    assert [item.name for item in lite.items("near")] == [key for key in keys if key in named(lite)]
    with pytest.raises(UsageError, match="drawn under the policy 'default'"):
        queue_from_sample(lite, asked(name="x", policy=EXEMPT), run, tmp_path / "s.csv", "owner")
    annotate(open_source(tmp_path / "in"), tmp_path / "other", guard(threshold=0.4))
    with pytest.raises(UsageError, match="another run"):
        queue_from_sample(lite, asked(name="x"), tmp_path / "other", tmp_path / "s.csv", "owner")


def named(store: LabelStore) -> set[str]:
    return {item.name for item in store.items("near")}


def test_a_folder_needs_no_guard(lite: LabelStore, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    made = queue_from_folder(lite, asked(most=6), folder, "owner")
    assert (made.items, made.left_out) == (6, {"unreadable": 1, "same_image": 1, "beyond_most": 1})
    assert lite.categories("near") == ["unknown"]
    item: Item = lite.items("near")[0]
    assert sha256_of_bytes(image_bytes(item)) == item.image_sha256
    with pytest.raises(UsageError, match="wants a guard"):
        queue_from_folder(lite, asked(Order.nearest, name="x"), folder, "owner")
    with pytest.raises(UsageError, match="There is no folder"):
        queue_from_folder(lite, asked(name="x"), folder / "none", "owner")


def test_a_policy_that_a_run_did_not_ask_about_makes_no_queue(lite: LabelStore, run: Path) -> None:
    with pytest.raises(UsageError, match="did not ask about the policy"):
        queue_from_run(lite, asked(policy=DEFAULT.sensitive("O2")), run, "owner")
    with pytest.raises(UsageError, match="audit sample"):
        queue_from_run(lite, asked(Order.drawn), run, "owner")
    assert lite.queues() == []
