"""The plan of the attack suite: which questions it asks, of whom, and that a run of it can be gone on with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from eyeward.errors import UsageError
from eyeward.evaluate.questions import Ask, read_questions
from eyeward.evaluate.run import Run
from eyeward.evaluate.suites.attack import BUDGETS, Family
from eyeward.evaluate.suites.attacks import (
    PICTURE_ATTACKS,
    Plan,
    bystanders_of,
    choose,
    make_white_box,
    plan_attacks,
    white_box_reason,
)
from eyeward.evaluate.suites.policy_hacking import POLICY_ATTACKS
from eyeward.verdict import Rating, Status
from tests.evaluate.worlds import HATE, asked, data, guard, row, small

UNSAFE, SAFE = Rating.Unsafe, Rating.Safe
LEVELS_OF_ALL = sum(len(attack.values) for attack in PICTURE_ATTACKS)
LEVELS_OF_BENIGN = sum(len(a.values) for a in PICTURE_ATTACKS if not a.on_unsafe_only)
LEVELS_OF_POLICIES = sum(len(attack.values) for attack in POLICY_ATTACKS)


def asks_of(folder: Path) -> tuple[Ask, ...]:
    return read_questions(folder).asks


def test_every_change_is_asked_about_unsafe_pictures_and_benign_ones_about_safe_pictures(tmp_path: Path) -> None:
    plan = plan_attacks(asks_of(small(tmp_path / "d")), images=4)
    assert plan.clean == 4 and len(plan.chosen) == 4
    assert len(plan.variants) == 2 * (LEVELS_OF_ALL + LEVELS_OF_POLICIES) + 2 * LEVELS_OF_BENIGN
    assert [ask.question.number for ask in plan.asks] == list(range(len(plan.asks)))
    for variant in plan.variants:
        changed, own = plan.asks[variant.number].question, plan.asks[variant.of].question
        assert (changed.group, changed.rating, changed.category) == (own.group, own.rating, own.category)
        assert changed.image.startswith(f"{own.image} ({variant.attack}, {variant.parameter} {variant.value}")
        assert own.rating is UNSAFE or variant.family is Family.benign
        assert (changed.policy_hash != own.policy_hash) == (variant.family in (Family.policy, Family.own_category))
    assert len({ask.question.image + ask.question.policy_hash for ask in plan.asks}) == len(plan.asks)


def test_half_of_the_attacked_are_unsafe_each_image_once_and_the_same_each_time(tmp_path: Path) -> None:
    levels = {f"{number}.png": number for number in range(40)}
    rows = [row(name, UNSAFE if level < 30 else SAFE) for name, level in levels.items()]
    asks = asks_of(data(tmp_path / "d", levels, rows))
    chosen = choose(asks, 10)
    assert Counter(ask.question.rating for ask in chosen) == {UNSAFE: 5, SAFE: 5}
    assert chosen == choose(asks, 10) and len({ask.question.image for ask in chosen}) == 10
    assert Counter(ask.question.rating for ask in choose(asks, 30)) == {UNSAFE: 20, SAFE: 10}
    assert Counter(ask.question.rating for ask in choose(asks, 1)) == {UNSAFE: 1}


def test_without_a_safe_picture_there_is_nothing_to_hide_among(tmp_path: Path) -> None:
    asks = asks_of(data(tmp_path / "d", {"a.png": 200}, [row("a.png", UNSAFE)]))
    with pytest.raises(UsageError, match="add images that are Safe"):
        plan_attacks(asks, images=1)
    (tmp_path / "d" / "b.png").write_bytes(b"broken")
    with (tmp_path / "d" / "labels.jsonl").open("a") as labels:
        labels.write('{"image": "b.png", "category": "NA: None applying", "rating": "Safe", "group": "b"}\n')
    with pytest.raises(UsageError, match="none can be read"):
        bystanders_of(asks_of(tmp_path / "d"))


def test_pictures_to_hide_among_touch_no_category_and_each_is_there_once(tmp_path: Path) -> None:
    levels = {"excepted.png": 90, "harmless.png": 60, "unsafe.png": 200}
    rows = [row("excepted.png", SAFE, category=HATE), row("harmless.png", SAFE), row("unsafe.png", UNSAFE)]
    asks = asks_of(data(tmp_path / "d", levels, rows))
    assert [picture.getpixel((0, 0)) for picture in bystanders_of((*asks, *asks))] == [(60, 60, 60)]
    only_excepted = [ask for ask in asks if ask.question.image != "harmless.png"]
    assert [picture.getpixel((0, 0)) for picture in bystanders_of(only_excepted)] == [(90, 90, 90)]


def test_a_picture_that_cannot_be_read_is_a_failure_under_every_change(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    (folder / "unsafe.png").write_bytes(b"broken")
    plan = plan_attacks(asks_of(folder), images=4)
    run = Run.open(tmp_path / "out", "d", plan.asks)
    run.ask("bright", guard())
    said = run.finish()["bright"]
    broken = [said[v.number] for v in plan.variants if plan.asks[v.of].question.image == "unsafe.png"]
    assert len(broken) == LEVELS_OF_ALL + LEVELS_OF_POLICIES
    assert {outcome.verdict.status for outcome in broken} == {Status.error}


def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    folder = small(tmp_path / "d")
    plan = plan_attacks(asks_of(folder), images=2)
    first = guard()

    class Stop(Exception):
        pass

    count = 0

    def after_a_hundred() -> None:
        nonlocal count
        count += 1
        if count == 100:
            raise Stop

    with pytest.raises(Stop):
        Run.open(tmp_path / "out", "d", plan.asks).ask("bright", first, after_a_hundred)
    again = guard()
    run = Run.open(tmp_path / "out", "d", plan_attacks(asks_of(folder), images=2).asks)
    assert run.ask("bright", again) == len(plan.asks) - 100
    said = run.finish()["bright"]
    assert len(said) == len(plan.asks) and asked(again) >= len(plan.asks) - 100
    with pytest.raises(UsageError, match="questions; there are"):
        Run.open(tmp_path / "out", "d", plan_attacks(asks_of(folder), images=3).asks)


def test_pictures_of_gradients_are_asked_of_every_guard_and_named_after_the_one_they_were_made_against(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(tmp_path / "d")
    plan = plan_attacks(asks_of(folder), images=4, white_box={"one": 2, "two": 1}, folder=tmp_path / "box")
    pixels = [variant for variant in plan.variants if variant.family is Family.pixels]
    assert Counter(v.attack for v in pixels) == {
        "gradient of one": 2 * len(BUDGETS),
        "gradient of two": len(BUDGETS),
    }
    assert [v.value for v in pixels[: len(BUDGETS)]] == list(BUDGETS)
    files = [plan.asks[variant.number].image for variant in pixels]
    assert len(set(files)) == len(files) and all(file.is_relative_to(tmp_path / "box") for file in files)
    made: list[tuple[str, int, list[bool]]] = []

    def make(source: str, targets: list[object], progress: object, averaged: bool, steps: int) -> None:
        assert averaged == (source == "second/two") and steps == 5
        made.append((source, len(targets), [target.raise_score for target in targets]))  # type: ignore[attr-defined]

    monkeypatch.setattr("eyeward.evaluate.suites.white_box.make_pictures", make)
    make_white_box(plan, {"one": "first/one", "two": "second/two"}, averaged={"two"}, steps=5)
    assert [(source, count) for source, count, _ in made] == [("first/one", 2), ("second/two", 1)]
    assert sorted(made[0][2]) == [False, True]  # the safe picture is pushed up, the unsafe one down


def test_after_a_change_of_the_search_or_of_the_weights_old_pictures_and_old_answers_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = asks_of(small(tmp_path / "d"))

    def planned(source: str = "mini") -> tuple[Plan, set[Path]]:
        plan = plan_attacks(asks, 2, {"one": 1}, tmp_path / "box", attacks=(), sources={"one": source})
        return plan, {file for _, files in plan.white_box["one"] for file in files}

    first, files = planned()
    assert planned()[1] == files and len(files) == len(BUDGETS)
    Run.open(tmp_path / "out", "d", first.asks)
    Run.open(tmp_path / "out", "d", planned()[0].asks)
    for change, to in (
        ("eyeward.evaluate.suites.white_box.STEPS", 99),
        ("eyeward.evaluate.suites.attacks.SEARCH_VERSION", 99),
        ("eyeward.engine.local.checkpoint.sha256_of", lambda weights: "other weights"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(change, to)
            again, elsewhere = planned()
            assert not elsewhere & files
            with pytest.raises(UsageError, match="an evaluation with other labels, images or policies"):
                Run.open(tmp_path / "out", "d", again.asks)


def test_servers_give_no_gradients() -> None:
    for source in ("http://host:8000/v1#model", "moderations:https://host/v1", "nudenet"):
        reason = white_box_reason(source)
        assert reason is not None and "elsewhere" in reason
    assert white_box_reason("mini") is None
