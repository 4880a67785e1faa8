"""The parts of a report that are numbers: tables and charts of metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from eyeward.evaluate.breakdown import Tables
from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.outcome import Outcome, OutcomeKind
from eyeward.evaluate.ranking import (
    ReliabilityBin,
    gives_probabilities,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from eyeward.evaluate.report.drawing import NEUTRAL, Bar, Line, bars, stacked, unit_square
from eyeward.evaluate.report.markup import Html, element, joined, legend, paragraph, section, table, text
from eyeward.evaluate.summary import GuardMetrics, Metrics
from eyeward.evaluate.table import OutcomeTable
from eyeward.verdict import Rating

NOTHING = Html("–")

_Slices = Callable[[Tables], Mapping[str, Mapping[str, Estimate]]]


def overview(metrics: Metrics) -> Html:
    """All metrics of all guards, the trivial ones beside them."""
    return section(
        "Metrics",
        paragraph(
            "Below each number stands its interval of 95 % (Wilson for shares, else a bootstrap that draws whole "
            "groups of images) and, where it differs, the optimistic number over answered questions alone. Review, "
            "answers that cannot be read and failures count as wrong in the number itself."
        ),
        _estimates(
            [(guard.guard, guard.tables.overall, True) for guard in metrics.guards]
            + [(name, tables.overall, False) for name, tables in metrics.trivial.items()]
        ),
    )


def covered(metrics: Metrics) -> Html:
    """The same metrics on what each guard covers; the trivial guards on the same questions."""
    parts = []
    for guard in metrics.guards:
        found = guard.covered
        parts.append(element("h3", text(guard.guard)))
        if found is None:
            parts.append(paragraph("What it covers was not recorded; name it with --model once more."))
            continue
        parts.append(paragraph(found.in_words(metrics.questions)))
        if found.questions and (found.left_out or found.read_as_answers):
            columns = [(guard.guard, found.tables.overall, True)]
            parts.append(_estimates(columns + [(name, says, False) for name, says in found.trivial.items()]))
    return section(
        "On what a guard covers",
        paragraph(
            "Questions whose right category the guard covers under their policy, and those that touch no category, as "
            "if the policy had held the covered categories and no other."
        ),
        *parts,
    )


def outcome_shares(metrics: Metrics) -> Html:
    """How many questions were answered at all."""
    rows = []
    for guard in metrics.guards:
        total = max(1, sum(guard.outcomes.values()))
        shares = [(kind.value, guard.outcomes.get(kind.value, 0) / total, kind.value) for kind in OutcomeKind]
        words = ", ".join(f"{guard.outcomes.get(kind.value, 0):,} {kind.value}" for kind in OutcomeKind)
        errors = "".join(f"; {count:,} {type}" for type, count in guard.errors.items())
        rows.append(element("h3", text(guard.guard)))
        rows.append(stacked(f"Outcomes of {guard.guard}", shares))
        rows.append(paragraph(words + errors))
    return section("Answers", *rows)


def curves(outcomes: Mapping[str, Sequence[Outcome]]) -> Html:
    """ROC and precision-recall curves of the guards that give probabilities."""
    roc, precision, names = [], [], list(outcomes)
    for number, name in enumerate(names):
        rows = OutcomeTable.of(outcomes[name])
        if gives_probabilities(rows) and rows.unsafe.any() and not rows.unsafe.all():
            curve = roc_curve(rows)
            roc.append(Line(curve.x, curve.y, number))
            curve = precision_recall_curve(rows)
            precision.append(Line(curve.x, curve.y, number))
    if not roc:
        return section("Ranking", paragraph("No guard gives probabilities for both kinds of images."))
    charts = (
        unit_square("ROC curve", "safe images flagged", "recall", roc, diagonal=True),
        unit_square("Precision-recall curve", "recall", "precision", precision),
    )
    return section(
        "Ranking by p_unsafe",
        paragraph("A question without a rating is the surest wrong answer, so it pulls its curve down."),
        legend(names),
        element("div", *(element("figure", chart) for chart in charts), class_="charts"),
    )


def calibration(outcomes: Mapping[str, Sequence[Outcome]]) -> Html:
    """Reliability of answered questions before and after calibration."""
    charts = []
    for number, (name, said) in enumerate(outcomes.items()):
        answered = [o for o in said if o.kind is OutcomeKind.ok and o.verdict.p_unsafe is not None]
        if not answered:
            continue
        unsafe = np.array([o.question.rating is Rating.Unsafe for o in answered], np.float64)
        after = _reliability_line([o.verdict.p_unsafe for o in answered], unsafe, number, dashed=False)
        before = _reliability_line([o.verdict.p_unsafe_raw for o in answered], unsafe, NEUTRAL, dashed=True)
        lines = [line for line in (before, after) if line is not None]
        chart = unit_square(f"Reliability of {name}", "p_unsafe", "share of unsafe images", lines, diagonal=True)
        charts.append(element("figure", element("figcaption", text(name)), chart))
    return section(
        "Calibration",
        paragraph(
            "Questions that were answered, in ten bins of p_unsafe: what was said and what was true. Full line: as "
            "calibrated; dashed: as the model gave it. Dots grow with the number of questions; on the diagonal, "
            "probabilities can be taken at their word."
        ),
        element("div", *charts, class_="charts") if charts else paragraph("No guard gives probabilities."),
    )


def _reliability_line(
    p: Sequence[float | None], unsafe: np.ndarray[tuple[int], np.dtype[np.float64]], colour: int, dashed: bool
) -> Line | None:
    if any(value is None for value in p):
        return None
    bins: Sequence[ReliabilityBin] = reliability(np.array(p, np.float64), unsafe)
    sizes = [60 * found.count / len(p) for found in bins]
    return Line([found.mean_p_unsafe for found in bins], [found.unsafe_share for found in bins], colour, sizes, dashed)


def by_category(metrics: Metrics) -> Html:
    """Recall and specificity of each category as bars, all of its metrics as a table."""
    charts = []
    for name in ("recall", "specificity"):
        rows = [
            (id, [_bar(guard, guard.tables.by_category[id][name]) for guard in metrics.guards])
            for id in metrics.guards[0].tables.by_category
            if any(guard.tables.by_category[id][name].count for guard in metrics.guards)
        ]
        chart = bars(f"{name} by category", rows)
        charts.append(element("figure", element("figcaption", text(name)), chart))
    return section(
        "By category",
        paragraph("By the right category, whatever the rating; the thin line is the interval of 95 %."),
        legend([guard.guard for guard in metrics.guards]),
        *charts,
        _sliced(metrics, lambda tables: tables.by_category),
    )


def by_policy(metrics: Metrics) -> Html:
    """Metrics under each policy."""
    if not metrics.guards[0].tables.by_policy:
        return Html("")
    return section("By policy", _sliced(metrics, lambda tables: tables.by_policy))


def by_severity(metrics: Metrics) -> Html:
    """Metrics of each severity, and of images near the line between safe and unsafe."""
    if not metrics.guards[0].tables.by_severity:
        return Html("")
    return section(
        "By severity",
        _sliced(metrics, lambda tables: tables.by_severity),
        paragraph("Ambiguous: moderately unsafe or barely safe. Clear: highly unsafe or generally safe."),
        _sliced(metrics, lambda tables: tables.by_clarity),
    )


def named_categories(metrics: Metrics) -> Html:
    """Which category was named, by the right one."""
    tables = []
    for guard in metrics.guards:
        kinds = {kind.value for kind in OutcomeKind}
        ids = list(guard.named_categories)
        named = {word for counts in guard.named_categories.values() for word in counts}
        columns = [*ids, *sorted(named - set(ids) - kinds), *sorted(named & kinds)]
        rows = [
            [text(id), *(_heat(counts, column, id) for column in columns)]
            for id, counts in guard.named_categories.items()
        ]
        tables.append(element("h3", text(guard.guard)))
        tables.append(table([text("right"), *(text(column) for column in columns)], rows, class_="heat"))
    return section("Categories that were named", paragraph("Rows: the right category. Columns: the answer."), *tables)


def _heat(counts: Mapping[str, int], column: str, right: str) -> Html:
    count, total = counts.get(column, 0), max(1, sum(counts.values()))
    if not count:
        return element("td")
    shade = f"background: rgba(var(--heat), {0.08 + 0.5 * count / total:.2f})"
    return element("td", element("b", text(count)) if column == right else text(count), style=shade)


def rationales(metrics: Metrics) -> Html:
    """What is wrong with rationales, told from their text."""
    written = [guard for guard in metrics.guards if guard.rationales]
    if not written:
        return Html("")
    rows = [
        [text(name.replace("_", " ")), *(_cell(guard.rationales[name]) for guard in written)]
        for name in written[0].rationales
    ]
    words = [text(f"{guard.rationale_words:.0f}") if guard.rationale_words else NOTHING for guard in written]
    return section(
        "Rationales",
        paragraph("Checks of form and consistency with verdict and policy, told from the text; not of truth."),
        table([text("fault"), *(text(guard.guard) for guard in written)], [*rows, [text("words on average"), *words]]),
    )


def comparisons(metrics: Metrics) -> Html:
    """Every pair of guards."""
    if not metrics.comparisons:
        return Html("")
    parts = []
    for found in metrics.comparisons:
        rows = [
            [
                text(name.replace("_", " ")),
                text(f"{difference.value:+.3f}"),
                text(f"{difference.low:+.3f} to {difference.high:+.3f}") if difference.low is not None else NOTHING,
                NOTHING if difference.low is None else text("yes" if difference.excludes_zero else "no"),
            ]
            for name, difference in found.differences.items()
            if difference.value is not None
        ]
        test = found.mcnemar
        parts += [
            element("h3", text(f"{found.first} minus {found.second}")),
            table([text(head) for head in ("metric", "difference", "95 %", "excludes zero")], rows),
            paragraph(
                f"{found.questions:,} questions. Groups of images with more right answers: {test.first_better} to "
                f"{test.second_better}; McNemar p {test.exact_p:.4f} exact, {test.mid_p:.4f} mid-p."
            ),
        ]
    return section("Guards compared", paragraph("On the same questions, groups drawn together."), *parts)


def _sliced(metrics: Metrics, of: _Slices) -> Html:
    names = ("recall", "specificity", "balanced_accuracy", "exact_category", "review_share")
    columns = [(guard.guard, guard.tables) for guard in metrics.guards] + list(metrics.trivial.items())
    head = [text(""), text("guard"), text("questions"), *(text(name.replace("_", " ")) for name in names)]
    rows = []
    for slice_name in of(columns[0][1]):
        for number, (name, tables) in enumerate(columns):
            found = of(tables)[slice_name]
            shown = text(slice_name.replace("_", " ")) if number == 0 else Html("")
            full = name not in metrics.trivial
            guard = text(name) if full else element("span", text(name), class_="trivial")
            rows.append(
                [shown, guard, text(found["accuracy"].count), *(_cell(found[metric], full) for metric in names)]
            )
    return table(head, rows)


def _estimates(columns: Sequence[tuple[str, Mapping[str, Estimate], bool]]) -> Html:
    rows = []
    for name in columns[0][1]:
        cells = [_cell(found[name], full) for _, found, full in columns]
        if any(cell != NOTHING for cell in cells):
            rows.append([text(name.replace("_", " ")), *cells])
    return table([text("metric"), *(text(name) for name, _, _ in columns)], rows)


def _cell(estimate: Estimate, full: bool = True) -> Html:
    if estimate.value is None:
        return NOTHING
    if not full:
        return element("span", text(f"{estimate.value:.3f}"), class_="trivial")
    parts = [text(f"{estimate.value:.3f}")]
    if estimate.low is not None and estimate.high is not None:
        parts.append(element("small", text(f"{estimate.low:.3f} – {estimate.high:.3f}")))
    if estimate.answered_only is not None and round(estimate.answered_only - estimate.value, 3):
        parts.append(element("small", text(f"answered {estimate.answered_only:.3f}")))
    return joined(parts)


def _bar(guard: GuardMetrics, estimate: Estimate) -> Bar:
    shown = "not defined" if estimate.value is None else f"{estimate.value:.1%} of {estimate.count:,}"
    return Bar(estimate.value, estimate.low, estimate.high, f"{guard.guard}: {shown}")
