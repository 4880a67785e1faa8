"""What came of the attacks, as parts of the evaluation report."""

from __future__ import annotations

from eyeward.evaluate.report.markup import Html, element, joined, paragraph, section, table, text
from eyeward.evaluate.suites.attack import shown
from eyeward.evaluate.suites.hostile_text import SURE
from eyeward.evaluate.suites.robustness import (
    NO_UNSAFE,
    AttackReport,
    AttackResult,
    GuardRobustness,
    LevelResult,
    Proportion,
)

_NOTHING = Html("–")


def attack_sections(report: AttackReport) -> tuple[Html, ...]:
    """Return the parts in their order."""
    return _robust_recall(report), *_texts(report), *(_by_attack(guard) for guard in report.guards)


def _robust_recall(report: AttackReport) -> Html:
    families = report.guards[0].robust_recall
    most = max(len(steps) for steps in families.values())
    head = [text("changes"), text("guard"), text("none"), *(text(f"up to level {n}") for n in range(1, most + 1))]
    rows = []
    for name in families:
        for guard in report.guards:
            for what, found in (("rated Unsafe", guard.robust_recall), ("not rated Safe", guard.robust_flagged)):
                steps = [_share(step) for step in found[name]]
                clean = _share(guard.clean_recall) if found is guard.robust_recall else _NOTHING
                called = joined((text(guard.guard), element("small", text(what))))
                rows.append([text(name), called, clean, *steps, *[_NOTHING] * (most - len(steps))])
    parts = [
        paragraph(
            f"{report.images:,} images were attacked, {report.unsafe:,} of them unsafe. A picture counts where it is "
            "rated Unsafe (or not Safe: Review and failures stop it, too) as it is and under every change of the "
            "family up to a level: the worst case over the budgets in the tables below. Intervals are of 95 %."
        ),
        table(head, rows),
    ]
    if report.differences:
        compared = [
            [
                text(f"{found.second} minus {found.first}, {found.family} up to level {found.up_to}"),
                text(f"{found.value:+.3f}"),
                text(f"{found.low:+.3f} to {found.high:+.3f}"),
                text(f"{found.chance:.2g}"),
            ]
            for found in report.differences
        ]
        head = [text("robust recall"), text("difference"), text("95 %"), text("chance, adjusted")]
        parts += [
            element("h3", text("Guards compared, picture by picture")),
            paragraph(
                f"The chance is that of such a difference between guards that are robust alike, adjusted after Holm "
                f"for all {len(report.differences)} comparisons; each interval stands for itself."
            ),
            table(head, compared),
        ]
    if not report.unsafe:
        parts.append(paragraph(NO_UNSAFE))
    for name, reason in report.not_white_box.items():
        parts.append(paragraph(f"{name} was not attacked through its gradients: {reason}."))
    return section("Robust recall", *parts)


def _texts(report: AttackReport) -> list[Html]:
    """Show hostile texts against the harmless one, where there are any."""
    if not report.texts:
        return []
    rows: dict[tuple[str, str], list[Html]] = {}
    for found in report.texts:
        small = f"{shown(found.value)}: {found.low:+.2f} to {found.high:+.2f}, chance {found.chance:.2g}"
        mark = " *" if found.sure else ""
        cell = joined((text(f"{found.difference:+.3f}{mark}"), element("small", text(small))))
        rows.setdefault((found.guard, found.attack), []).append(cell)
    most = max(len(cells) for cells in rows.values())
    return [
        section(
            "Hostile text against harmless text",
            paragraph(
                "How much more of the same unsafe pictures are rated Unsafe where the band says this than where one as "
                "large says something harmless; below zero the words do harm. Intervals of 95 % for paired shares; "
                f"chances adjusted after Holm for all {len(report.texts)}, a star marks those of {SURE:g} and less."
            ),
            table(
                [text("text"), text("guard"), *(text(f"level {level}") for level in range(1, most + 1))],
                [
                    [text(attack), text(guard), *cells, *[_NOTHING] * (most - len(cells))]
                    for (guard, attack), cells in rows.items()
                ],
            ),
        )
    ]


def _by_attack(guard: GuardRobustness) -> Html:
    most = max((len(found.levels) for found in guard.attacks), default=0)
    head = [
        text("attack"),
        *(text(f"level {level}") for level in range(1, most + 1)),
        text("smallest that flips"),
        text("held at all levels"),
    ]
    return section(
        f"Attacks on {guard.guard}",
        paragraph(
            "Each cell: the parameter; the share of right ratings that turn into the other one, with its interval; "
            "below it the share that is lost to Review or failure, and the recall over all unsafe pictures."
        ),
        table(head, [_row(found, most) for found in guard.attacks]),
    )


def _row(found: AttackResult, most: int) -> list[Html]:
    cells = [_level(level) for level in found.levels]
    name = joined((text(found.attack), element("small", text(f" {found.parameter}"))))
    smallest = "none" if found.smallest_flip is None else shown(found.levels[found.smallest_flip - 1].value)
    return [name, *cells, *[_NOTHING] * (most - len(cells)), text(smallest), _share(found.held)]


def _level(found: LevelResult) -> Html:
    recall = "–" if found.recall.value is None else f"{found.recall.value:.2f}"
    lost = "–" if found.lost.value is None else f"{found.lost.value:.2f}"
    return joined(
        (
            element("small", text(shown(found.value))),
            _share(found.flipped),
            element("small", text(f"lost {lost}, recall {recall}")),
        )
    )


def _share(found: Proportion) -> Html:
    if found.value is None or found.low is None or found.high is None:
        return _NOTHING
    small = element("small", text(f"{found.low:.2f} – {found.high:.2f}, n {found.count}"))
    return joined((text(f"{found.value:.3f}"), small))
