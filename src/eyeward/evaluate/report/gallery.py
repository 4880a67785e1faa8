"""Wrong answers with their pictures: blurred, unless somebody asked for the originals."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from eyeward.data.changes import Change
from eyeward.data.sample import Severity
from eyeward.evaluate.outcome import Outcome, OutcomeKind
from eyeward.evaluate.report.markup import Html, element, joined, paragraph, text
from eyeward.images import decode
from eyeward.verdict import Failure, Note, Rating

MOST_SHOWN = 24
"""Wrong answers of one guard that are shown; all of them are counted."""
_BLURRED_SIDE = 16
"""Pixels that are left of a blurred picture: what is not there cannot be sharpened again."""
_ORIGINAL_SIDE = 800
_SEVERITIES = [severity.value for severity in Severity]


def gallery(outcomes: Sequence[Outcome], folder: Path, embed_originals: bool) -> Html:
    """Show the wrong answers of a guard: missed ones first, the most severe of them at the beginning."""
    wrong = sorted((outcome for outcome in outcomes if not outcome.right), key=_gravity)
    if not wrong:
        return paragraph("No wrong answers.")
    shown = wrong[:MOST_SHOWN]
    said = f"{len(wrong):,} wrong of {len(outcomes):,}" + (f"; {len(shown)} shown" if len(shown) < len(wrong) else "")
    cards = (_card(outcome, folder, embed_originals) for outcome in shown)
    return joined((paragraph(f"{said}, missed ones first."), element("div", *cards, class_="cards")))


def _gravity(outcome: Outcome) -> tuple[bool, bool, int, int]:
    question = outcome.question
    severity = _SEVERITIES.index(question.severity) if question.severity in _SEVERITIES else len(_SEVERITIES)
    missed = question.rating is Rating.Unsafe
    return not missed, missed and outcome.kind is not OutcomeKind.ok, severity, question.number


def _card(outcome: Outcome, folder: Path, embed_originals: bool) -> Html:
    question, verdict = outcome.question, outcome.verdict
    answer = verdict.rating.value if verdict.rating is not None else outcome.kind.value
    p = "" if verdict.p_unsafe is None else f", p_unsafe {verdict.p_unsafe:.3f}"
    lines = [
        joined((text(f"{question.rating} is right; said "), element("b", text(answer)), text(p))),
        text(f"Right: {question.category}" + (f", {question.severity}" if question.severity else "")),
    ]
    if verdict.category is not None and verdict.category != question.category:
        lines.append(text(f"Named: {verdict.category}"))
    if question.changes:
        more = f" and {len(question.changes) - 3} more" if len(question.changes) > 3 else ""
        lines.append(text(f"Policy: {'; '.join(map(_in_words, question.changes[:3]))}{more}"))
    if verdict.review is not None:
        lines.append(text(f"Review: {verdict.review.reason}"))
    if verdict.error is not None:
        lines.append(text(f"{verdict.error.type}: {verdict.error.message}"))
    if verdict.rationale:
        lines.append(joined((text("“"), text(verdict.rationale[:400]), text("”"))))
    lines.append(text(question.image))
    hidden = Note.hash_match.value in verdict.notes
    shown = paragraph("Not shown.") if hidden else _picture(folder / question.image, embed_originals)
    return element("article", shown, *(element("p", line) for line in lines), class_="card")


def _in_words(change: Change) -> str:
    values = change.model_dump(mode="json", exclude={"kind"}).values()
    return f"{change.kind.replace('_', ' ')} ({', '.join(map(str, values))})"


def _picture(file: Path, original: bool) -> Html:
    decoded = decode(file)
    if isinstance(decoded, Failure):
        return paragraph("No picture: it cannot be read.")
    picture = decoded.frames[0].pixels
    return element("img", src=data_uri(picture, original), alt="the picture" if original else "a blurred picture")


def data_uri(picture: Image.Image, original: bool) -> str:
    """Return a picture as an address that holds it: reduced to a few pixels, or as it is, up to a size for screens."""
    side = _ORIGINAL_SIDE if original else _BLURRED_SIDE
    small = picture.convert("RGB")
    small.info.clear()  # Pillow would write comments and more of the old file into the new one
    small.thumbnail((side, side), Image.Resampling.BOX if not original else Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.save(written, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"
