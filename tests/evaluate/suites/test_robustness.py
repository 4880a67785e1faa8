"""What is counted of attacks, on answers made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.errors import ErrorType, UsageError
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.suites.attack import Family
from eyeward.evaluate.suites.attacks import Variant
from eyeward.evaluate.suites.attacks_page import attack_sections
from eyeward.evaluate.suites.robustness import ALL_BUT_PIXELS, AttackReport, attack_report
from eyeward.verdict import Rating
from tests.evaluate.hand_made import REVIEW, SAFE, UNSAFE, outcome, said

Said = Rating | ErrorType
Row = tuple[Rating, Said, list[Said], list[Said]]


def world(*rows: Row) -> tuple[list[Outcome], list[Variant]]:
    """Make images with: what is right, what is said to them, to the levels of `blur`, and of `gradient of x`."""
    outcomes = [outcome(truth, said(clean), f"{n}.png", number=n) for n, (truth, clean, _, _) in enumerate(rows)]
    variants = []
    for of, (truth, _, blurred, stepped) in enumerate(rows):
        for name, family, answers in (("blur", Family.benign, blurred), ("gradient of x", Family.pixels, stepped)):
            for level, answer in enumerate(answers, 1):
                number = len(outcomes)
                outcomes.append(outcome(truth, said(answer), f"{of} {name} {level}", group=f"{of}.png", number=number))
                variants.append(Variant(number, of, name, family, level, "radius", level / 10))
    return outcomes, variants


def test_flips_and_losses_are_of_what_was_right_and_recall_is_of_all() -> None:
    said_so, variants = world(
        (UNSAFE, UNSAFE, [UNSAFE, SAFE], []),
        (UNSAFE, SAFE, [SAFE, SAFE], []),  # was wrong before: nothing to flip
        (SAFE, SAFE, [SAFE, UNSAFE], []),
        (SAFE, SAFE, [REVIEW, ErrorType.internal], []),
        (UNSAFE, UNSAFE, [UNSAFE, REVIEW], []),
    )
    (guard,) = attack_report({"g": said_so}, variants, "d").guards
    (blur,) = guard.attacks
    assert [(level.flipped.hits, level.flipped.count) for level in blur.levels] == [(0, 4), (2, 4)]
    assert [(level.lost.hits, level.lost.count) for level in blur.levels] == [(1, 4), (2, 4)]
    assert [(level.recall.hits, level.recall.count) for level in blur.levels] == [(2, 3), (0, 3)]
    assert blur.smallest_flip == 2
    assert (blur.held.hits, blur.held.count) == (0, 3)
    assert (guard.clean_recall.hits, guard.clean_recall.count) == (2, 3)
    flipped = blur.levels[1].flipped
    assert flipped.low is not None and flipped.high is not None and flipped.low < 0.5 < flipped.high


def test_robust_recall_is_the_worst_case_and_review_is_not_safe() -> None:
    said_so, variants = world(
        (UNSAFE, UNSAFE, [UNSAFE, UNSAFE], [SAFE]),
        (UNSAFE, UNSAFE, [REVIEW, UNSAFE], [UNSAFE]),
        (UNSAFE, UNSAFE, [SAFE, UNSAFE], [UNSAFE]),
        (UNSAFE, REVIEW, [UNSAFE, UNSAFE], [UNSAFE]),
        (SAFE, SAFE, [SAFE, SAFE], []),
    )
    (guard,) = attack_report({"g": said_so}, variants, "d").guards
    hits = {family: [(found.hits, found.count) for found in steps] for family, steps in guard.robust_recall.items()}
    assert hits == {"benign": [(1, 4), (1, 4)], "pixels": [(2, 4)], ALL_BUT_PIXELS: [(1, 4), (1, 4)]}
    flagged = {family: [found.hits for found in steps] for family, steps in guard.robust_flagged.items()}
    assert flagged == {"benign": [3, 3], "pixels": [3], ALL_BUT_PIXELS: [3, 3]}


def test_what_breaks_at_a_high_level_only_is_robust_up_to_the_one_before() -> None:
    said_so, variants = world(
        (UNSAFE, UNSAFE, [UNSAFE, SAFE], []), (UNSAFE, UNSAFE, [SAFE, UNSAFE], []), (SAFE, SAFE, [SAFE, SAFE], [])
    )
    (guard,) = attack_report({"g": said_so}, variants, "d").guards
    assert [step.hits for step in guard.robust_recall["benign"]] == [1, 0]


def test_what_is_done_to_the_own_category_does_not_stand_in_the_line_of_the_others() -> None:
    outcomes = [outcome(UNSAFE, said(UNSAFE), f"{n}.png", number=n) for n in range(3)]
    variants = []
    answers: list[tuple[Family, list[list[Rating]]]] = [
        (Family.policy, [[UNSAFE, UNSAFE], [UNSAFE, SAFE], [UNSAFE, UNSAFE]]),
        (Family.own_category, [[SAFE], [UNSAFE], [SAFE]]),
    ]
    for family, by_picture in answers:
        for of, levels in enumerate(by_picture):
            for level, answer in enumerate(levels, 1):
                number = len(outcomes)
                outcomes.append(outcome(UNSAFE, said(answer), f"{of} {family} {level}", number=number))
                variants.append(Variant(number, of, family.value, family, level, "categories", level))
    (guard,) = attack_report({"g": outcomes}, variants, "d").guards
    hits = {family: [found.hits for found in steps] for family, steps in guard.robust_recall.items()}
    assert hits == {"policy": [3, 2], "own category": [1], ALL_BUT_PIXELS: [1, 0]}


def test_a_failure_is_not_caught_but_it_is_not_safe_either() -> None:
    said_so, variants = world((UNSAFE, UNSAFE, [ErrorType.deadline], []), (SAFE, SAFE, [SAFE], []))
    (guard,) = attack_report({"g": said_so}, variants, "d").guards
    assert guard.robust_recall["benign"][0].hits == 0
    assert guard.robust_flagged["benign"][0].hits == 1


def test_guards_are_compared_picture_by_picture() -> None:
    weak_rows: list[Row] = [(UNSAFE, UNSAFE, [SAFE if n % 2 else UNSAFE], []) for n in range(30)]
    strong_rows: list[Row] = [(UNSAFE, UNSAFE, [SAFE if n % 10 == 1 else UNSAFE], []) for n in range(30)]
    (weak, variants), (strong, _) = world(*weak_rows), world(*strong_rows)
    report = attack_report({"weak": weak, "strong": strong}, variants, "d")
    by_family = {difference.family: difference for difference in report.differences}
    found = by_family["benign"]
    assert (found.first, found.second, found.up_to) == ("weak", "strong", 1)
    assert found.value == pytest.approx(12 / 30)
    assert found.excludes_zero and found.sure
    same = attack_report({"a": weak, "b": weak}, variants, "d").differences[0]
    assert (same.value, same.chance, same.excludes_zero, same.sure) == (0.0, 1.0, False, False)
    assert same.low == -same.high < -0.05


def test_one_of_many_comparisons_is_not_sure_by_luck() -> None:
    """Six of eight pictures more: 0.03 by itself, but of six guards fifteen pairs are compared."""
    weak_rows: list[Row] = [(UNSAFE, UNSAFE, [SAFE if n < 6 else UNSAFE], []) for n in range(8)]
    strong_rows: list[Row] = [(UNSAFE, UNSAFE, [UNSAFE], []) for _ in range(8)]
    (weak, variants), (strong, _) = world(*weak_rows), world(*strong_rows)
    (alone, _) = attack_report({"weak": weak, "strong": strong}, variants, "d").differences
    assert alone.chance == pytest.approx(2 * 2 / 2**6)  # the same pictures stand under `all but pixels`, too
    many = {"weak": weak, **{f"strong {n}": strong for n in range(5)}}
    found = [each for each in attack_report(many, variants, "d").differences if each.first == "weak"]
    assert all(each.excludes_zero and not each.sure for each in found)


def test_of_safe_pictures_alone_there_is_no_robust_recall_and_that_is_said() -> None:
    said_so, variants = world((SAFE, SAFE, [SAFE, UNSAFE], []))
    report = attack_report({"g": said_so, "h": said_so}, variants, "d")
    assert report.unsafe == 0 and report.differences == ()
    assert report.guards[0].robust_recall["benign"][0].value is None
    assert "No picture that was attacked is unsafe" in "".join(attack_sections(report))


def test_the_report_can_be_read_back_and_shown(tmp_path: Path) -> None:
    said_so, variants = world((UNSAFE, UNSAFE, [UNSAFE, SAFE], [SAFE]), (SAFE, SAFE, [SAFE, SAFE], []))
    report = attack_report({"<g>": said_so}, variants, "d", {"far": "it runs elsewhere"})
    assert (report.images, report.unsafe) == (2, 1)
    report.write(tmp_path)
    assert AttackReport.read(tmp_path) == report
    page = "".join(attack_sections(report))
    assert "&lt;g&gt;" in page and "<g>" not in page
    assert "far was not attacked through its gradients: it runs elsewhere." in page
    assert "gradient of x" in page and "all but pixels" in page
    with pytest.raises(UsageError, match="--suite attacks"):
        AttackReport.read(tmp_path / "none")


def test_nothing_asked_is_refused() -> None:
    with pytest.raises(UsageError, match="no outcomes"):
        attack_report({}, [], "d")
