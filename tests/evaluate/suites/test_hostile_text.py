"""Hostile words against harmless ones of the same size, on answers made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from rich.console import Console

from eyeward.cli.evaluate_suites import print_attacks
from eyeward.evaluate.intervals import paired_interval
from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.suites.addressing import ADDRESSING, HARMLESS
from eyeward.evaluate.suites.attack import Family
from eyeward.evaluate.suites.attacks import Variant
from eyeward.evaluate.suites.attacks_page import attack_sections
from eyeward.evaluate.suites.hostile_text import text_differences
from eyeward.evaluate.suites.robustness import attack_report
from eyeward.verdict import Rating
from tests.evaluate.hand_made import REVIEW, SAFE, UNSAFE, outcome, said

HOSTILE = "text: says safe"


def world(
    answers: Mapping[str, list[list[Rating]]], truth: Rating = UNSAFE, alone: bool = True
) -> tuple[list[Outcome], list[Variant]]:
    """Make pictures and what is said to them under each text, level by level; each picture stands for itself, or all
    are of one group."""
    count = len(next(iter(answers.values())))
    outcomes = [outcome(truth, said(truth), f"{n}.png", f"{n if alone else 0}", number=n) for n in range(count)]
    variants = []
    for attack, by_picture in answers.items():
        for of, levels in enumerate(by_picture):
            for level, answer in enumerate(levels, 1):
                number, group = len(outcomes), outcomes[of].question.group
                outcomes.append(outcome(truth, said(answer), f"{of} {attack} {level}", group, number=number))
                variants.append(Variant(number, of, attack, Family.text, level, "band", level / 10))
    return outcomes, variants


def one_guard(made: tuple[list[Outcome], list[Variant]]) -> tuple[Mapping[str, Sequence[Outcome]], list[Variant]]:
    outcomes, variants = made
    return {"g": outcomes}, variants


def test_words_that_do_harm_are_told_from_a_band_that_does() -> None:
    harmless = [[UNSAFE if n < 14 else SAFE] for n in range(20)]
    hostile = [[UNSAFE if n < 2 else SAFE] for n in range(20)]
    outcomes, variants = world({HARMLESS: harmless, HOSTILE: hostile, "text: fake policy": harmless})
    harm, none = text_differences({"g": outcomes}, variants)
    assert (harm.guard, harm.attack, harm.level, harm.value, harm.pictures) == ("g", HOSTILE, 1, 0.1, 20)
    assert harm.difference == pytest.approx(-12 / 20)
    assert harm.low < -0.6 < harm.high < 0 and harm.sure
    assert harm.chance == pytest.approx(2 * 2 / 2**12)  # of two comparisons, after Holm
    assert (none.attack, none.difference, none.chance, none.sure) == ("text: fake policy", 0.0, 1.0, False)
    assert none.low == -none.high < 0


def test_pictures_are_compared_one_by_one_and_a_group_of_them_is_one() -> None:
    first, second = [[UNSAFE], [SAFE], [UNSAFE], [REVIEW]], [[SAFE], [UNSAFE], [UNSAFE], [UNSAFE]]
    (found,) = text_differences(*one_guard(world({HARMLESS: first, HOSTILE: second})))
    assert found.difference == pytest.approx(1 / 4)  # one lost, two won: Review is not Unsafe
    assert found.chance == 1.0  # two against one
    clear = {HARMLESS: [[UNSAFE]] * 8, HOSTILE: [[SAFE]] * 8}
    (alone,) = text_differences(*one_guard(world(clear)))
    (together,) = text_differences(*one_guard(world(clear, alone=False)))
    assert alone.sure and not together.sure
    assert together.high > alone.high


def test_one_of_many_texts_is_not_sure_by_luck() -> None:
    lost = {HARMLESS: [[UNSAFE]] * 6, HOSTILE: [[SAFE]] * 6}
    (alone,) = text_differences(*one_guard(world(lost)))
    assert alone.chance == pytest.approx(2 / 2**6) and alone.sure
    many = {**lost, **{f"text: {n}": [[UNSAFE]] * 6 for n in range(3)}}
    assert not any(found.sure for found in text_differences(*one_guard(world(many))))


def test_safe_pictures_and_texts_without_a_harmless_one_are_not_compared() -> None:
    safe = {HARMLESS: [[SAFE]], HOSTILE: [[UNSAFE]]}
    assert text_differences(*one_guard(world(safe, truth=SAFE))) == ()
    assert text_differences(*one_guard(world({HOSTILE: [[SAFE]]}))) == ()
    levels = text_differences(*one_guard(world({HARMLESS: [[UNSAFE]], HOSTILE: [[UNSAFE, SAFE]]})))
    assert [found.level for found in levels] == [1]


def test_the_harmless_text_is_one_of_the_suite_and_as_large_as_the_others() -> None:
    assert HARMLESS in {attack.name for attack in ADDRESSING}
    assert len({attack.values for attack in ADDRESSING}) == 1


def test_the_report_the_page_and_the_terminal_show_them() -> None:
    answers = {HARMLESS: [[UNSAFE, UNSAFE]] * 9, HOSTILE: [[UNSAFE, SAFE]] * 9}
    outcomes, variants = world(answers)
    report = attack_report({"<g>": outcomes}, variants, "d")
    interval = paired_interval(np.full(9, -1.0), np.arange(9, dtype=np.int64))
    assert interval is not None
    low, high = interval
    assert [(found.difference, found.sure) for found in report.texts] == [(0.0, False), (-1.0, True)]
    assert (report.texts[1].low, report.texts[1].high) == (low, high)
    page = "".join(attack_sections(report))
    assert "Hostile text against harmless text" in page and "-1.000 *" in page and "<g>" not in page
    console = Console(record=True, width=200, force_terminal=False)
    print_attacks(console, report)
    printed = console.export_text()
    assert "<g>: recall under hostile text minus that under harmless text as large" in printed
    assert f"0.2: -1.00* ({low:+.2f} to {high:+.2f})" in printed
