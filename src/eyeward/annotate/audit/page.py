"""An audit as a page: one file, without scripts, that loads nothing; pictures are blurred, and only where asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eyeward.annotate.answers import unfinished
from eyeward.annotate.audit.counting import BINS, Audit, PolicyAudit
from eyeward.annotate.audit.counts import Count
from eyeward.annotate.audit.examples import Example
from eyeward.annotate.audit.page_of_labels import corrected_section
from eyeward.annotate.audit.page_of_pairs import class_section, comparison_section
from eyeward.evaluate.report.markup import Html, element, joined, page, paragraph, section, table, text

FILE_NAME = "report.html"
_CAUTION = (
    "These are counts of what the guard says, not of what is there. Of a clean dataset most of what is flagged is a "
    "false alarm: a guard that is right about 90 % of safe images flags 10 % of them. How much is really unsafe takes "
    "human labels of a sample. The intervals tell only how the counts would vary over more images like these."
)
_CORRECTED = " What labels say of it stands first."


def audit_page(found: Audit, examples: Mapping[str, Sequence[Example]] | None = None) -> Html:
    """Return the page; `examples` are pictures by the hash of the policy."""
    said = f"{found.images:,} images of {', '.join(found.source)}, judged by {found.model.name} "
    said += f"(revision {found.model.revision or 'unknown'}, {found.model.engine})."
    sampled = f"They are a sample of {found.sample:,}." if found.sample is not None else ""
    return page(
        "What the dataset holds",
        paragraph(" ".join(filter(None, (said, sampled, unfinished(found.shards, found.shards_missing))))),
        paragraph(_CAUTION + (_CORRECTED if found.corrected else "")),
        *map(corrected_section, found.corrected),
        *(_policy(policy, (examples or {}).get(policy.hash)) for policy in found.policies),
        *map(class_section, found.classes),
        *map(comparison_section, found.comparisons),
    )


def _policy(found: PolicyAudit, examples: Sequence[Example] | None) -> Html:
    parts = [
        paragraph(f"Hash {found.hash[:12]}, {found.rows:,} rows."),
        _counts("Ratings", "rating", found.ratings),
        _counts("Unsafe, by category", "category", found.unsafe_by_category),
        _counts("What a threshold on p_unsafe would remove", "p_unsafe at least", found.would_remove),
        _numbers("Rows by p_unsafe", "p_unsafe", _bins(found)),
        _numbers("Review, by reason", "reason", found.reviews),
        _numbers("Errors, by type", "type", found.errors),
        _nearest(found),
    ]
    if found.look_alikes is not None:
        parts.append(_look_alikes(found))
    if examples is not None:
        parts += [_gallery(kind, examples) for kind in dict.fromkeys(example.kind for example in examples)]
    return section(f"Policy {found.policy}", *parts)


def _bins(found: PolicyAudit) -> dict[str, int]:
    return {f"{place / BINS:.2f} – {(place + 1) / BINS:.2f}": count for place, count in enumerate(found.histogram)}


def _counts(title: str, what: str, counts: Mapping[str, Count]) -> Html:
    head = [text(what), text("rows"), text("share"), text("95 % interval")]
    rows = [
        [text(name), text(f"{count.count:,}"), text(f"{count.share:.2%}"), text(f"{count.low:.2%} – {count.high:.2%}")]
        for name, count in counts.items()
    ]
    return _titled(title, table(head, rows) if rows else paragraph("None."))


def _numbers(title: str, what: str, numbers: Mapping[str, int]) -> Html:
    rows = [[text(name), text(f"{number:,}")] for name, number in numbers.items()]
    return _titled(title, table([text(what), text("rows")], rows) if rows else paragraph("None."))


def _nearest(found: PolicyAudit) -> Html:
    head = [text("image"), text("shard"), text("place"), text("rating"), text("category"), text("p_unsafe")]
    rows = [
        [
            text(case.key),
            text(case.shard),
            text(case.index),
            text(case.rating),
            text(case.category or ""),
            text(f"{case.p_unsafe:.4f}"),
        ]
        for case in found.nearest
    ]
    return _titled("Nearest the threshold", table(head, rows) if rows else paragraph("None."))


def _look_alikes(found: PolicyAudit) -> Html:
    said = (
        f"{found.look_alikes:,} groups of images look the same: their perceptual hashes are equal, bit for bit. "
        f"{found.look_alikes_apart:,} of them are rated otherwise, so that one of the verdicts is wrong."
    )
    head = ["hash", "images", "image", "shard", "place", "rating", "p_unsafe"]
    rows = [
        [
            text(group.phash),
            text(f"{group.images:,}" + (f", {group.known:,} known" if group.known else "")),
            text(member.key),
            text(member.shard),
            text(member.index),
            text(member.rating),
            text("" if member.p_unsafe is None else f"{member.p_unsafe:.4f}"),
        ]
        for group in found.look_alikes_listed
        for member in group.members
    ]
    if len(found.look_alikes_listed) < (found.look_alikes_apart or 0):
        said += f" Listed are the {len(found.look_alikes_listed):,} with the widest gap of probabilities."
    if any(group.known for group in found.look_alikes_listed):
        said += " Images that are known by their hash count as Unsafe and are not listed."
    return _titled(
        "Look the same, rated otherwise",
        joined((paragraph(said), *([table([text(word) for word in head], rows)] if rows else ()))),
    )


def _gallery(kind: str, examples: Sequence[Example]) -> Html:
    cards = [_card(example) for example in examples if example.kind == kind]
    return _titled(f"Blurred examples: {kind}", element("div", *cards, class_="cards"))


def _card(example: Example) -> Html:
    picture = (
        paragraph("No picture: the dataset no longer gives the image that was judged.")
        if example.picture is None
        else element("img", src=example.picture, alt="a blurred picture")
    )
    p = "" if example.p_unsafe is None else f", p_unsafe {example.p_unsafe:.3f}"
    lines = [joined((element("b", text(example.rating)), text(p))), text(example.category or ""), text(example.key)]
    return element("article", picture, *(element("p", line) for line in lines if line), class_="card")


def _titled(title: str, content: Html) -> Html:
    return joined((element("h3", text(title)), content))
