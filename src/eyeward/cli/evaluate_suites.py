"""`eyeward evaluate --suite …`: questions beside those of the folder, and what came of them, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eyeward.cli.evaluate_tables import print_comparisons, print_covered, print_metrics
from eyeward.cli.screen import Screen, counted, one_line, visible
from eyeward.errors import UsageError

if TYPE_CHECKING:
    from eyeward.data.sample import Split
    from eyeward.evaluate.metrics import Estimate
    from eyeward.evaluate.questions import Ask
    from eyeward.evaluate.suites.cultures import CultureReport
    from eyeward.evaluate.suites.robustness import AttackReport, Proportion

_CAUSES_SHOWN = 10
"""Of what packs differ by; `cultures.json` and the page have more."""


def run_attacks(
    guards: Mapping[str, str],
    asks: Sequence[Ask],
    data: Path,
    out: Path,
    attacked: int,
    white_box: int,
    averaged: bool,
    retry_failed: bool,
    embed_originals: bool,
    resamples: int,
    device: str,
) -> None:
    """Ask the questions of a folder and changed ones, of each guard and, if wanted, of its mean over views."""
    import eyeward
    from eyeward.evaluate.report import write_report
    from eyeward.evaluate.run import Run, read_run
    from eyeward.evaluate.suites.attacks import make_white_box, plan_attacks, white_box_reason
    from eyeward.evaluate.suites.attacks_page import attack_sections
    from eyeward.evaluate.suites.robustness import attack_report
    from eyeward.evaluate.summary import summarise
    from eyeward.guard.averaging import averaged as mean_of

    screen = Screen()
    reasons = {name: white_box_reason(source) for name, source in guards.items()} if white_box else {}
    means = {f"{name}, mean of views": source for name, source in guards.items()} if averaged else {}
    opened = {name: white_box for name, reason in reasons.items() if reason is None}
    opened |= {mean: white_box for mean, name in zip(means, guards, strict=False) if name in opened}
    plan = plan_attacks(asks, attacked, opened, out / "white_box", sources={**guards, **means})
    started = Run.open(out, str(data), plan.asks)
    pictures = sum(len(targets) for targets in plan.white_box.values())
    with screen.bar("Following gradients", pictures) as advance:
        make_white_box(plan, {**guards, **means}, advance, means)
    for name, source in guards.items():
        with screen.bar(f"Loading {one_line(source)}"):
            guard = eyeward.load_guard(source, device=device)
        for shown, asked_guard in [(name, guard), *([(f"{name}, mean of views", mean_of(guard))] if averaged else [])]:
            with screen.bar(f"Judging with {one_line(shown)}", len(plan.asks)) as advance:
                asked = started.ask(shown, asked_guard, advance, retry_failed)
            before = len(plan.asks) - asked
            screen.say(f"{one_line(shown)}: {counted(asked, 'question')} judged, {before:,} were judged before.")
    outcomes = started.finish()
    clean = {name: said[: plan.clean] for name, said in outcomes.items()}
    with screen.bar("Counting"):
        policies = {ask.policy.hash: ask.policy for ask in asks}
        coverage = {name: of.coverage for name, of in read_run(out).guards.items() if of.coverage is not None}
        metrics = summarise(clean, policies, str(data), resamples, coverage)
        metrics.write(out)
        refused = {name: reason for name, reason in reasons.items() if reason is not None}
        report = attack_report(outcomes, plan.variants, str(data), refused)
        report.write(out)
        write_report(out, metrics, clean, data, embed_originals, attack_sections(report))
    print_metrics(screen.out, metrics)
    print_covered(screen.out, metrics)
    print_attacks(screen.out, report)
    print_comparisons(screen.out, metrics.comparisons)
    screen.say(f"Written to {out}: outcomes.parquet, metrics.json, attacks.json, report.html.")


def print_attacks(console: Console, report: AttackReport) -> None:
    """Print what flips, level by level, and the worst cases."""
    from eyeward.evaluate.suites.attack import shown
    from eyeward.evaluate.suites.robustness import NO_UNSAFE

    for guard in report.guards:
        _title(console, f"{guard.guard}: share of right ratings that flip, by level (then the share lost to Review)")
        table = Table(box=box.SIMPLE, pad_edge=False)
        most = max((len(found.levels) for found in guard.attacks), default=0)
        for heading in ("attack", *(str(level) for level in range(1, most + 1)), "held"):
            table.add_column(heading)
        for found in guard.attacks:
            cells = []
            for level in found.levels:
                lost = f" ({_number(level.lost)})" if level.lost.hits else ""
                cells.append(f"{shown(level.value)}: {_number(level.flipped)}{lost}")
            cells += [""] * (most - len(cells))
            table.add_row(Text(visible(found.attack)), *(Text(cell) for cell in cells), _number(found.held))
        console.print(table)
    _title(console, f"Robust recall: {report.images:,} images attacked, {report.unsafe:,} unsafe; 95 % intervals")
    most = max(len(steps) for steps in report.guards[0].robust_recall.values())
    for guard in report.guards:
        table = Table(box=box.SIMPLE, pad_edge=False)
        table.add_column(Text(visible(guard.guard)))
        for number in range(1, most + 1):
            table.add_column(f"up to level {number}")
        table.add_row("no change", _with_interval(guard.clean_recall), *[""] * (most - 1))
        for what, found_steps in (("Unsafe", guard.robust_recall), ("not Safe", guard.robust_flagged)):
            for family, steps in found_steps.items():
                empty = [""] * (most - len(steps))
                table.add_row(f"{family}: {what}", *(_with_interval(step) for step in steps), *empty)
        console.print(table)
    if not report.unsafe:
        _title(console, NO_UNSAFE)
    for guard_name, reason in report.not_white_box.items():
        _title(console, visible(f"{guard_name} was not attacked through its gradients: {reason}."))
    for found_difference in report.differences:
        if not found_difference.value:
            continue
        mark = f" *, chance {found_difference.chance:.2g} among all of these" if found_difference.sure else ""
        interval = f" ({found_difference.low:+.3f} to {found_difference.high:+.3f})"
        console.print(
            Text(
                visible(
                    f"{found_difference.second} minus {found_difference.first}, {found_difference.family} up to level "
                    f"{found_difference.up_to}: "
                    f"{found_difference.value:+.3f}{interval}{mark}"
                )
            ),
            soft_wrap=True,
        )
    _print_texts(console, report)


def _print_texts(console: Console, report: AttackReport) -> None:
    """Print what hostile words do beyond the band that they stand on."""
    from eyeward.evaluate.suites.attack import shown

    by_guard: dict[str, dict[str, list[str]]] = {}
    for found in report.texts:
        mark = "*" if found.sure else ""
        cell = f"{shown(found.value)}: {found.difference:+.2f}{mark} ({found.low:+.2f} to {found.high:+.2f})"
        by_guard.setdefault(found.guard, {}).setdefault(found.attack, []).append(cell)
    for guard, by_attack in by_guard.items():
        _title(console, f"{guard}: recall under hostile text minus that under harmless text as large; * beyond luck")
        table = Table(box=box.SIMPLE, pad_edge=False)
        most = max(len(cells) for cells in by_attack.values())
        for heading in ("text", *(f"level {level}" for level in range(1, most + 1))):
            table.add_column(heading)
        for attack, cells in by_attack.items():
            table.add_row(Text(visible(attack)), *(Text(cell) for cell in cells))
        console.print(table)


def _number(found: Proportion) -> str:
    return "–" if found.value is None else f"{found.value:.2f}"


def _with_interval(found: Proportion) -> Text:
    if found.value is None or found.low is None or found.high is None:
        return Text("–", style="dim")
    text = Text(f"{found.value:.3f}")
    text.append(f" ({found.low:.3f}–{found.high:.3f})", style="dim")
    return text


def _title(console: Console, title: str) -> None:
    console.print(Text(visible(title), style="bold"), soft_wrap=True)


def run_cultures(
    guards: Mapping[str, str],
    data: Path,
    policies: Sequence[str],
    split: Split | None,
    votes: Path | None,
    languages: bool,
    out: Path,
    retry_failed: bool,
    embed_originals: bool,
    resamples: int,
    device: str,
) -> None:
    """Ask every image under every pack, the first of which the others are compared with."""
    import eyeward
    from eyeward.evaluate.questions import read_questions
    from eyeward.evaluate.report import write_report
    from eyeward.evaluate.run import Run, read_run
    from eyeward.evaluate.suites.annotators import read_votes
    from eyeward.evaluate.suites.cultures import culture_packs, culture_report
    from eyeward.evaluate.suites.cultures_page import culture_sections
    from eyeward.evaluate.suites.languages import in_languages, not_read, translations
    from eyeward.evaluate.summary import summarise
    from eyeward.policy import Policy

    people = () if votes is None else read_votes(votes)
    if languages:
        packs = (Policy.load("default"), *translations())
        asks = in_languages(read_questions(data, packs[:1], split).asks, packs[1:])
    else:
        packs = tuple(Policy.load(name) for name in policies) or culture_packs()
        asks = read_questions(data, packs, split).asks
    if len({pack.name for pack in packs}) < len(packs):
        raise UsageError("Two of the packs have one name, and the tables go by names; give them different ones.")
    started = Run.open(out, str(data), asks)
    screen = Screen()
    for name, source in guards.items():
        with screen.bar(f"Loading {one_line(source)}"):
            guard = eyeward.load_guard(source, device=device)
        with screen.bar(f"Judging with {one_line(name)}", len(asks)) as advance:
            asked = started.ask(name, guard, advance, retry_failed)
        screen.say(f"{one_line(name)}: {counted(asked, 'question')} judged, {len(asks) - asked:,} were judged before.")
    outcomes = started.finish()
    with screen.bar("Counting"):
        coverage = {name: of.coverage for name, of in read_run(out).guards.items() if of.coverage is not None}
        metrics = summarise(outcomes, {pack.hash: pack for pack in packs}, str(data), resamples, coverage)
        metrics.write(out)
        report = culture_report(outcomes, packs, data, resamples, people)
        report.write(out)
        write_report(out, metrics, outcomes, data, embed_originals, culture_sections(report))
    print_metrics(screen.out, metrics)
    print_covered(screen.out, metrics)
    print_cultures(screen.out, report)
    for name, unread in not_read(coverage, packs).items():
        if unread:
            screen.say(f"{one_line(name)} has never met words of {', '.join(unread)}: nothing is Safe or Unsafe there.")
    screen.say(f"Written to {out}: outcomes.parquet, metrics.json, cultures.json, report.html.")


def print_cultures(console: Console, report: CultureReport) -> None:
    """Print why packs differ, how each guard does under each of them, and the gap."""
    if report.causes:
        _title(console, "Why packs differ, the most frequent first")
    for cause in report.causes[:_CAUSES_SHOWN]:
        said = f"{counted(cause.images, 'image')}, {cause.category}, {cause.words!r}: "
        said += f"Unsafe under {', '.join(cause.forbids)}; Safe under {', '.join(cause.allows)}"
        console.print(Text(visible(said)), soft_wrap=True)
    if len(report.causes) > _CAUSES_SHOWN:
        console.print(Text(f"{counted(len(report.causes) - _CAUSES_SHOWN, 'reason')} more on the page."))
    for guard in report.guards:
        _title(console, f"{guard.guard} under {len(report.packs)} packs; {report.images:,} images")
        table = Table(box=box.SIMPLE, pad_edge=False)
        for heading in ("pack", "Unsafe", "agrees with the first", "accuracy", "follows where they differ"):
            table.add_column(heading)
        first = next(iter(report.packs))
        for pack, found in guard.by_pack.items():
            followed = guard.followed.get(pack)
            table.add_row(
                Text(visible(pack)),
                f"{report.unsafe[pack]:.2f}",
                f"{report.agreement[first][pack]:.2f}",
                _estimated(found["accuracy"]),
                Text("–", style="dim") if followed is None else _estimated(followed),
            )
        console.print(table)
        table = Table(box=box.SIMPLE, pad_edge=False)
        for heading in ("pack", "balanced accuracy", "recall", "specificity", "Review"):
            table.add_column(heading)
        for pack, found in guard.by_pack.items():
            shown = (_estimated(found[name]) for name in ("balanced_accuracy", "recall", "specificity"))
            review = found["review_share"].value
            table.add_row(Text(visible(pack)), *shown, "–" if review is None else f"{review:.2f}")
        console.print(table)
        interval = "" if guard.gap_low is None else f" ({guard.gap_low:+.3f} to {guard.gap_high:+.3f})"
        _title(console, f"Gap between {guard.best} and {guard.worst}: {guard.gap:.3f}{interval}")
    for people in report.annotators:
        _title(console, f"{people.guard} and groups of people")
        table = Table(box=box.SIMPLE, pad_edge=False)
        for heading in ("group", "people", "images", "with the majority", "with each"):
            table.add_column(heading)
        for name, result in people.groups.items():
            counts = f"{result.annotators:,}", f"{result.images:,}"
            table.add_row(Text(visible(name)), *counts, _estimated(result.accuracy), _estimated(result.shared))
        console.print(table)
        for gap in people.gaps:
            mark = " *" if gap.sure else ""
            within = f" ({gap.low:+.3f} to {gap.high:+.3f}){mark}"
            said = f"{gap.first} minus {gap.second}, {gap.images:,} images: {gap.value:+.3f}{within}"
            console.print(Text(visible(said)), soft_wrap=True)


def _estimated(found: Estimate) -> Text:
    if found.value is None:
        return Text("–", style="dim")
    text = Text(f"{found.value:.3f}")
    if found.low is not None and found.high is not None:
        text.append(f" ({found.low:.3f}–{found.high:.3f}), n {found.count}", style="dim")
    return text
