"""Comparisons and classes, as parts of the page of an audit."""

from __future__ import annotations

from eyeward.annotate.audit.against import WORDS, Comparison, Difference
from eyeward.annotate.audit.classes import ClassEffects
from eyeward.annotate.audit.counts import Count
from eyeward.evaluate.report.markup import Html, element, paragraph, section, table, text

_MOST_CLASSES = 100


def comparison_section(found: Comparison) -> Html:
    """Return two answers beside each other."""
    said = f"{found.images:,} images were answered by both; "
    said += f"on {found.agree.count:,} ({found.agree.share:.2%}) they agree."
    left_out = {
        "only the first answers": found.only_first,
        "only the second answers": found.only_second,
        "were other images in the second run": found.changed,
    }
    named = [f"{count:,} {what}" for what, count in left_out.items() if count]
    said += f" Left out: {'; '.join(named)}." if named else ""
    rows = [[text(one), *(text(f"{found.table[one][two]:,}") for two in WORDS)] for one in WORDS]
    return section(
        f"{found.first} against {found.second}",
        paragraph(said),
        paragraph(f"Share rated Unsafe, first less second: {_difference(found.unsafe)}."),
        paragraph(f"Share not rated Safe, first less second: {_difference(found.not_kept)}."),
        element("h3", text("Rows: the first; columns: the second")),
        table([text(""), *map(text, WORDS)], rows),
        element("h3", text("Images on which they differ, the farthest apart first")),
        _different(found),
    )


def class_section(found: ClassEffects) -> Html:
    """Return what each class loses."""
    head = ["class", "rows", "not Safe", "share", "95 % interval", "Unsafe"]
    rows = [
        [
            text(effect.name),
            text(f"{effect.rows:,}"),
            text(f"{effect.removed.count:,}"),
            *_count(effect.removed),
            text(f"{effect.unsafe.count:,}"),
        ]
        for effect in found.effects[:_MOST_CLASSES]
    ]
    shown = f"; the first {_MOST_CLASSES} are shown" if found.classes > _MOST_CLASSES else ""
    return section(
        f"What filtering takes from each class: {found.column}, policy {found.policy}",
        paragraph(
            f"Not rated Safe, which an export leaves out: {found.removed.share:.2%} of all rows of {found.classes:,} "
            f"classes{shown}. First come the classes that surely lose most, by the lower ends of their intervals."
        ),
        table([text(word) for word in head], rows) if rows else paragraph("None."),
    )


def _different(found: Comparison) -> Html:
    head = ["image", "shard", "place", "first", "second", "p_unsafe of the first", "of the second"]
    rows = [
        [
            text(case.key),
            text(case.shard),
            text(case.index),
            text(case.first),
            text(case.second),
            text(_p(case.first_p_unsafe)),
            text(_p(case.second_p_unsafe)),
        ]
        for case in found.different
    ]
    return table([text(word) for word in head], rows) if rows else paragraph("None.")


def _difference(found: Difference) -> str:
    return f"{100 * found.value:+.2f} points (95 % interval {100 * found.low:+.2f} – {100 * found.high:+.2f})"


def _count(count: Count) -> tuple[Html, Html]:
    return text(f"{count.share:.2%}"), text(f"{count.low:.2%} – {count.high:.2%}")


def _p(p_unsafe: float | None) -> str:
    return "" if p_unsafe is None else f"{p_unsafe:.4f}"
