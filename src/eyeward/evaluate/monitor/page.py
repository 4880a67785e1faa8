"""A watched stream as a page: a timeline for each share, alarms on it and in words. One file, without scripts."""

from __future__ import annotations

from collections.abc import Sequence

from eyeward.evaluate.monitor.watching import Kind, Watch
from eyeward.evaluate.monitor.window import Window
from eyeward.evaluate.report.markup import Html, element, joined, page, paragraph, section, table, text

FILE_NAME = "monitor.html"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 520, 110, 46, 18
_ROOM = 1.15
"""How much higher than its highest value a timeline reaches."""


def monitor_page(found: Watch) -> Html:
    """Return the page."""
    names = [watched.window.name for watched in found.watched]
    said = f"{len(names):,} windows, {sum(w.window.images for w in found.watched):,} images, compared with "
    said += f"{found.reference.images:,} images of the reference. Policy {found.reference.policy[:12]}."
    return page(
        f"{len(found.alarms)} alarms" if len(found.alarms) != 1 else "One alarm",
        paragraph(said),
        paragraph(
            f"While nothing changes, {found.settings.horizon} windows have a false alarm with a chance of at most "
            f"{found.settings.false_alarms:.1%}; canaries are apart from that, they change or they do not."
        ),
        *(paragraph(f"Reference, {notice}") for notice in found.reference.notices),
        _alarms(found),
        section("Ratings", *_timelines(found, Kind.ratings)),
        section("Categories", *_timelines(found, Kind.categories)),
        _labels(found),
        _windows(found),
    )


def _alarms(found: Watch) -> Html:
    if not found.alarms:
        return section("Alarms", paragraph("None."))
    rows = [[text(alarm.window), text(alarm.kind.value), text(alarm.sentence)] for alarm in found.alarms]
    return section("Alarms", table([text("window"), text("about"), text("what was found")], rows))


def _timelines(found: Watch, kind: Kind) -> list[Html]:
    windows = [watched.window for watched in found.watched]
    names = sorted({name for window in (found.reference, *windows) for name in _counts(window, kind)})
    charts = []
    for name in names:
        marked = {
            alarm.window
            for alarm in found.alarms
            if alarm.kind is kind or (kind is Kind.categories and alarm.kind is Kind.category and alarm.what == name)
        }
        points = [(window.name, _share(window, kind, name)) for window in windows]
        chart = _timeline(name, points, _share(found.reference, kind, name), marked)
        charts.append(element("figure", element("figcaption", text(name)), chart))
    return [element("div", *charts, class_="charts")]


def _counts(window: Window, kind: Kind) -> dict[str, int]:
    return window.ratings if kind is Kind.ratings else window.categories


def _share(window: Window, kind: Kind, name: str) -> float:
    return _counts(window, kind).get(name, 0) / window.images if window.images else 0.0


def _timeline(title: str, points: Sequence[tuple[str, float]], reference: float, marked: set[str]) -> Html:
    """Draw shares from left to right over their own range, with the reference as a dotted line and alarms as dots."""
    most = max([reference, *(share for _, share in points), 1e-6]) * _ROOM
    step = _WIDTH / max(1, len(points) - 1)

    def y(share: float) -> str:
        return f"{8 + _HEIGHT * (1 - share / most):.1f}"

    places = [(f"{_LEFT + step * place:.1f}", y(share)) for place, (_, share) in enumerate(points)]
    right = f"{_LEFT + _WIDTH}"
    parts = [
        element("line", x1=f"{_LEFT}", x2=right, y1=y(0), y2=y(0), class_="axis"),
        element("line", x1=f"{_LEFT}", x2=right, y1=y(reference), y2=y(reference), class_="guide"),
        element("text", text(f"{most / _ROOM:.1%}"), x=f"{_LEFT - 5}", y=y(most / _ROOM), text_anchor="end"),
        element("text", text("0 %"), x=f"{_LEFT - 5}", y=y(0), text_anchor="end"),
        element("polyline", points=" ".join(f"{x},{at}" for x, at in places), class_="series", stroke="var(--c0)"),
    ]
    for (name, share), (x, at) in zip(points, places, strict=True):
        hint = element("title", text(f"{name}: {share:.2%}" + (" (alarm)" if name in marked else "")))
        colour, radius = ("var(--failed)", "5") if name in marked else ("var(--c0)", "2.5")
        parts.append(element("circle", hint, cx=x, cy=at, r=radius, fill=colour))
    if points:
        below = f"{8 + _HEIGHT + _BOTTOM - 4}"
        parts.append(element("text", text(points[0][0]), x=f"{_LEFT}", y=below))
        parts.append(element("text", text(points[-1][0]), x=right, y=below, text_anchor="end"))
    height = 8 + _HEIGHT + _BOTTOM
    view = f"0 0 {_LEFT + _WIDTH + 10} {height}"
    return element("svg", element("title", text(title)), joined(parts), viewBox=view, role="img")


def _labels(found: Watch) -> Html:
    last = found.watched[-1]
    if not last.labels:
        return section("Agreement with labels", paragraph("No image of these windows has a label."))
    head = [text("window"), text("labels so far"), text("against recall"), text("against specificity")]
    rows = [
        [
            text(watched.window.name),
            text(f"{watched.labels:,}"),
            text(f"{watched.recall_evidence:.3g}"),
            text(f"{watched.specificity_evidence:.3g}"),
        ]
        for watched in found.watched
    ]
    settings = found.settings
    return section(
        "Agreement with labels",
        paragraph(
            f"Claimed: recall {settings.recall:g}, specificity {settings.specificity:g}. The numbers are what gamblers "
            "who doubt the claim owned at most, starting with 1; large sums are evidence against it."
        ),
        table(head, rows),
    )


def _windows(found: Watch) -> Html:
    head = [text("window"), text("images"), text("smallest adjusted chance"), text("of"), text("notices")]
    rows = []
    for watched in found.watched:
        least = min(watched.tests, key=lambda test: test.chance, default=None)
        shown = ("–", "–") if least is None else (f"{least.chance:.2g}", f"{least.kind.value} {least.what}".strip())
        row = [watched.window.name, f"{watched.window.images:,}", *shown, " ".join(watched.notices) or "–"]
        rows.append([text(cell) for cell in row])
    return section("Windows", table(head, rows))
