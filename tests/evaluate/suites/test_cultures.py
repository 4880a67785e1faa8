"""Packs of several cultures: what they say, how they differ, and who follows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from eyeward.cli.evaluate_suites import print_cultures
from eyeward.cli.screen import counted
from eyeward.data.sample import Split
from eyeward.errors import ErrorType
from eyeward.evaluate.intervals import wilson
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.run import Run
from eyeward.evaluate.suites.cultures import FOLDER, causes, culture_packs, culture_report
from eyeward.evaluate.suites.cultures_page import culture_sections
from eyeward.guard import load_guard
from eyeward.policy import Policy
from eyeward.policy.loading import pack_names
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_WORDING
from eyeward.scenes.labels import write_scenes
from eyeward.scenes.truth import decide
from eyeward.verdict import Rating
from tests.evaluate.hand_made import said
from tests.evaluate.worlds import guard
from tests.scenes.worlds import every_scene

FILES = sorted(FOLDER.glob("*.yaml"))
STEPS = ["ages-00", "ages-06", "ages-12", "ages-16", "ages-18"]


def test_there_are_five_steps_of_age_a_workplace_and_strict_and_liberal_stances() -> None:
    names = [policy.name for policy in culture_packs()]
    assert names[0] == "default"
    assert {*STEPS, "workplace"} <= set(names)
    assert any(name.startswith("strict") for name in names) and any(name.startswith("liberal") for name in names)
    assert not set(names[1:]) & set(pack_names())  # `--policy NAME` goes on meaning what it did
    assert len({policy.hash for policy in culture_packs()}) == len(names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pack_is_named_as_its_file_says_why_it_is_so_and_has_no_findings(file: Path) -> None:
    policy = Policy.load(file)
    assert policy.name == file.stem
    assert policy.lint() == ()
    assert policy.ids == tuple(CATEGORY_NAMES)
    assert file.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_rule_is_one_that_the_drawn_world_can_decide_and_stands_once(file: Path) -> None:
    for category in Policy.load(file).categories:
        facts = [FACT_BY_WORDING[rule] for rule in category.rules]
        assert {fact.category for fact in facts} <= {category.id}
        assert len({fact.key for fact in facts}) == len(facts)
        assert category.name in CATEGORY_NAMES[category.id]


def test_mini_has_met_every_word_of_every_pack() -> None:
    mini = load_guard("mini")
    assert [policy.name for policy in culture_packs() if mini.coverage(policy).not_covered] == []


def test_what_a_younger_age_may_see_an_older_one_may_see_too() -> None:
    by_name = {policy.name: policy for policy in culture_packs()}
    for younger, older in zip(STEPS, STEPS[1:], strict=False):
        changed = 0
        for scene in every_scene():
            young, old = (decide(scene, by_name[name]).rating for name in (younger, older))
            assert not (young is Rating.Safe and old is Rating.Unsafe), (younger, older, scene.motif, scene.context)
            changed += young is not old
        assert changed, f"{younger} and {older} say the same"


def test_a_strict_pack_forbids_whatever_the_liberal_one_does() -> None:
    by_name = {policy.name: policy for policy in culture_packs()}
    strict = [name for name in by_name if name.startswith("strict")]
    for name in strict:
        forbidden = sum(decide(scene, by_name[name]).rating is Rating.Unsafe for scene in every_scene())
        usual = sum(decide(scene, by_name["default"]).rating is Rating.Unsafe for scene in every_scene())
        assert forbidden > usual, name


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "s"
    write_scenes(folder, 40, 3, split=Split.TEST, size=64)
    return folder


def outcomes(world: Path, out: Path, threshold: float) -> list[Outcome]:
    run = Run.open(out, "s", read_questions(world, culture_packs()).asks)
    run.ask("g", guard(threshold=threshold))
    return run.finish()["g"]


def test_a_guard_that_says_the_same_under_all_packs_follows_none(world: Path, tmp_path: Path) -> None:
    packs = culture_packs()
    said = outcomes(world, tmp_path / "o", threshold=0.0)  # always Unsafe
    report = culture_report({"g": said}, packs, world, resamples=100)
    (found,) = report.guards
    assert report.images == 40 and list(report.packs) == [policy.name for policy in packs]
    for pack, share in report.unsafe.items():
        assert found.by_pack[pack]["accuracy"].value == pytest.approx(share)
    assert all(share == 1.0 for row in found.agreement.values() for share in row.values())
    assert all(e.value == 0.0 for e in found.followed.values() if e.count)
    assert found.gap == pytest.approx(max(report.unsafe.values()) - min(report.unsafe.values()))
    assert found.worst == min(report.unsafe, key=lambda name: report.unsafe[name])
    assert found.gap_low is not None and found.gap_high is not None and found.gap_low < found.gap < found.gap_high


def test_failures_are_like_nothing_and_few_followed_pictures_are_not_sure(world: Path, tmp_path: Path) -> None:
    packs = culture_packs()
    said_so = outcomes(world, tmp_path / "o", 0.5)
    failed = [
        each.model_copy(update={"verdict": said(ErrorType.engine_unavailable, image=each.question.image)})
        for each in said_so
    ]
    perfect = [
        each.model_copy(update={"verdict": said(each.question.rating, image=each.question.image)}) for each in said_so
    ]
    broken, right = culture_report({"down": failed, "good": perfect}, packs, world, resamples=100).guards
    assert all(share == 0.0 for row in broken.agreement.values() for share in row.values())
    assert (right.gap, right.gap_low) == (0.0, None)
    for found in right.followed.values():
        if found.count:
            assert found.value == found.high == 1.0
            assert found.low is not None and found.low <= wilson(found.count, found.count)[0]


def test_agreement_is_of_what_is_right_and_the_causes_add_up(world: Path, tmp_path: Path) -> None:
    packs = culture_packs()
    report = culture_report({"g": outcomes(world, tmp_path / "o", 0.5)}, packs, world, resamples=100)
    truths = {p.name: [ask.question.rating for ask in read_questions(world, [p]).asks] for p in packs}
    one, two = packs[0].name, packs[-1].name
    same = sum(a is b for a, b in zip(truths[one], truths[two], strict=True)) / 40
    assert report.agreement[one][two] == report.agreement[two][one] == pytest.approx(same)
    disagreed = sum(len({truths[p.name][n] for p in packs}) > 1 for n in range(40))
    assert sum(cause.images for cause in report.causes) == disagreed > 0
    one_image = next(n for n in range(40) if len({truths[p.name][n] for p in packs}) > 1)
    name = read_questions(world, packs[:1]).asks[one_image].question.image
    assert sum(cause.images for cause in causes(world, packs, [name])) == 1  # others were not asked about
    first = report.causes[0]
    assert set(first.forbids) | set(first.allows) == set(report.packs) and not set(first.forbids) & set(first.allows)
    page = "".join(culture_sections(report))
    assert first.words in page and "Lowest accuracy under" in page


def test_the_terminal_says_why_packs_differ_and_how_often_the_guard_is_right_of_unsafe_and_of_safe(
    world: Path, tmp_path: Path
) -> None:
    report = culture_report({"g": outcomes(world, tmp_path / "o", 0.5)}, culture_packs(), world, resamples=20)
    console = Console(record=True, width=200)
    print_cultures(console, report)
    lines = console.export_text().splitlines()
    shown = [line for line in lines if ": Unsafe under " in line]
    assert len(shown) == min(10, len(report.causes)) > 3
    for cause, line in zip(report.causes, shown, strict=False):
        assert line.startswith(f"{counted(cause.images, 'image')}, {cause.category}, ")
        assert cause.words in line and line.endswith(f"Safe under {', '.join(cause.allows)}")
    by_pack = report.guards[0].by_pack["workplace"]
    for name in ("recall", "specificity"):
        found = by_pack[name]
        assert found.value is not None and found.count < 40
        said = f"{found.value:.3f}", f"n {found.count}"
        assert any("workplace" in line and all(each in line for each in said) for line in lines)
