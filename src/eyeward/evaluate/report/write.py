"""Put a report together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from eyeward.evaluate.outcome import Outcome
from eyeward.evaluate.report import sections
from eyeward.evaluate.report.gallery import gallery
from eyeward.evaluate.report.markup import Html, element, page, paragraph, section, text
from eyeward.evaluate.summary import GuardMetrics, Metrics

FILE_NAME = "report.html"


def write_report(
    out: Path,
    metrics: Metrics,
    outcomes: Mapping[str, Sequence[Outcome]],
    images: Path,
    embed_originals: bool = False,
    suite: Sequence[Html] = (),
) -> None:
    """Write `report.html` into a run's folder: one file, without scripts, that loads nothing.

    Pictures of wrong answers are looked for in the folder `images`, and blurred unless `embed_originals`. Sections of a
    `suite` stand behind the metrics.
    """
    unfinished = out / f".{FILE_NAME}.unfinished"
    unfinished.write_text(report(metrics, outcomes, images, embed_originals, suite), encoding="utf-8")
    unfinished.replace(out / FILE_NAME)


def report(
    metrics: Metrics,
    outcomes: Mapping[str, Sequence[Outcome]],
    images: Path,
    embed_originals: bool = False,
    suite: Sequence[Html] = (),
) -> Html:
    """Return the page."""
    names = ", ".join(guard.guard for guard in metrics.guards)
    return page(
        f"How good is {names}?" if len(metrics.guards) == 1 else f"Guards compared: {names}",
        _asked(metrics),
        sections.overview(metrics),
        *suite,
        sections.covered(metrics),
        sections.outcome_shares(metrics),
        sections.comparisons(metrics),
        sections.curves(outcomes),
        sections.calibration(outcomes),
        sections.by_category(metrics),
        sections.by_severity(metrics),
        sections.by_policy(metrics),
        sections.named_categories(metrics),
        sections.rationales(metrics),
        section(
            "Wrong answers",
            *(
                element("section", element("h3", text(name)), gallery(said, images, embed_originals))
                for name, said in outcomes.items()
            ),
        ),
    )


def _asked(metrics: Metrics) -> Html:
    said = (
        f"{metrics.questions:,} questions about {metrics.images:,} images in {metrics.data}, {metrics.groups:,} groups."
    )
    guards = (
        element(
            "li", text(f"{guard.guard}: {guard.model.name}, revision {guard.model.revision or 'unknown'}"), _pace(guard)
        )
        for guard in metrics.guards
    )
    return element("div", paragraph(said), element("ul", *guards))


def _pace(guard: GuardMetrics) -> Html:
    return text("" if guard.seconds is None else f", {guard.seconds:.3f} s a question ({guard.model.engine})")
