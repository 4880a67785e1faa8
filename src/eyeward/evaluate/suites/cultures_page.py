"""How packs differ and how guards follow them, as parts of the evaluation report."""

from __future__ import annotations

from collections.abc import Mapping

from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.report.markup import Html, element, joined, paragraph, section, table, text
from eyeward.evaluate.suites.annotators import GuardAnnotators
from eyeward.evaluate.suites.cultures import CultureReport, GuardCultures

_NOTHING = Html("–")


def culture_sections(report: CultureReport) -> tuple[Html, ...]:
    """Return the parts in their order."""
    return (
        _packs(report),
        *(_guard(guard) for guard in report.guards),
        *(_annotators(found) for found in report.annotators),
    )


def _packs(report: CultureReport) -> Html:
    rows = [
        [
            text(cause.category),
            text(cause.words),
            text(f"{cause.images:,}"),
            text(", ".join(cause.forbids)),
            text(", ".join(cause.allows)),
        ]
        for cause in report.causes
    ]
    head = [text(name) for name in ("category", "what decides", "images", "Unsafe under", "Safe under")]
    return section(
        "What the packs say",
        paragraph(
            f"{report.images:,} images under {len(report.packs)} packs. Share of images with the same right rating "
            "under two packs:"
        ),
        _matrix(report.agreement),
        element("h3", text("Why they differ")),
        table(head, rows) if rows else paragraph("Known for drawn scenes only."),
    )


def _matrix(agreement: Mapping[str, Mapping[str, float]]) -> Html:
    head = [text(""), *(text(name) for name in agreement)]
    rows = [[text(one), *(_shade(found[two]) for two in agreement)] for one, found in agreement.items()]
    return table(head, rows, class_="heat")


def _shade(share: float) -> Html:
    return element("td", text(f"{share:.2f}"), style=f"background: rgba(var(--heat), {0.6 * share:.2f})")


def _guard(found: GuardCultures) -> Html:
    names = list(next(iter(found.by_pack.values())))
    head = [
        text("pack"),
        *(text(name.replace("_", " ")) for name in names),
        text(f"follows where {next(iter(found.by_pack))} differs"),
    ]
    rows = [
        [text(pack), *(_cell(metrics[name]) for name in names), _cell(found.followed.get(pack))]
        for pack, metrics in found.by_pack.items()
    ]
    interval = "" if found.gap_low is None else f" ({found.gap_low:+.3f} to {found.gap_high:+.3f})"
    return section(
        f"{found.guard} under each pack",
        paragraph(
            f"Lowest accuracy under {found.worst}, highest under {found.best}; gap {found.gap:.3f}{interval}. The "
            "interval is one for every two packs at once, since these two were picked out of all."
        ),
        table(head, rows),
        element("h3", text("Share of images rated alike under two packs")),
        _matrix(found.agreement),
    )


def _cell(estimate: Estimate | None) -> Html:
    if estimate is None or estimate.value is None:
        return _NOTHING
    parts = [text(f"{estimate.value:.3f}")]
    if estimate.low is not None and estimate.high is not None:
        parts.append(element("small", text(f"{estimate.low:.3f} – {estimate.high:.3f}, n {estimate.count}")))
    return joined(parts)


def _annotators(found: GuardAnnotators) -> Html:
    head = [text(name) for name in ("group", "people", "images", "ties", "with the majority", "with each", "unity")]
    rows = [
        [
            text(name),
            text(f"{result.annotators:,}"),
            text(f"{result.images:,}"),
            text(f"{result.ties:,}"),
            _cell(result.accuracy),
            _cell(result.shared),
            _NOTHING if result.unity is None else text(f"{result.unity:.3f}"),
        ]
        for name, result in found.groups.items()
    ]
    gaps = [
        [
            text(f"{gap.first} minus {gap.second}"),
            text(f"{gap.images:,}"),
            text(f"{gap.value:+.3f}"),
            text(f"{gap.low:+.3f} to {gap.high:+.3f}"),
            text(f"{gap.chance:.2g}"),
        ]
        for gap in found.gaps
    ]
    gap_head = [text(name) for name in ("gap", "images", "difference", "95 %", "chance, adjusted")]
    return section(
        f"{found.guard} and groups of people",
        paragraph(
            "With the majority: the share of images on which the guard says what most of the group say. With each: the "
            "share of the group who say what it says. Unity is the most that this can be."
        ),
        table(head, rows),
        *([table(gap_head, gaps)] if gaps else []),
    )
