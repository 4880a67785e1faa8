"""What labels say of a dataset, as a part of the page."""

from __future__ import annotations

from eyeward.annotate.audit.corrected import Claim, Corrected
from eyeward.annotate.audit.prevalence import Estimate
from eyeward.evaluate.report.markup import Html, element, paragraph, section, table, text

_MOST_REFUSED = 50


def corrected_section(found: Corrected) -> Html:
    """Return what is really there under one policy, beside what the raw count would have claimed."""
    right, claim, rates = found.prediction_powered, found.claimed, found.rogan_gladen
    head = [text("what"), text("share of all images"), text("95 % interval")]
    rows = [
        ("corrected by labels, prediction-powered", right),
        ("corrected by the guard's error rates (Rogan-Gladen)", rates),
    ]
    overall = [[text(name), *_estimate(estimate)] for name, estimate in rows]
    overall.append([text("raw count of the guard, as claimed"), text(_share(claim.share)), text("")])
    overall.append([text("error of that claim"), text(_signed(claim.error)), text(_error(claim))])
    parts = [
        paragraph(_said(found)),
        table(head, overall),
        paragraph(
            f"By these labels the guard flags {_known(rates.recall)} of what is unsafe and passes "
            f"{_known(rates.specificity)} of what is safe."
        ),
        element("h3", text("Unsafe by category, corrected")),
        _categories(found),
        element("h3", text("Labels by stratum")),
        _strata(found),
    ]
    if found.refused:
        parts += [element("h3", text("Lines that could not be used")), _refused(found)]
    return section(f"What is really there: policy {found.policy}", *parts)


def _said(found: Corrected) -> str:
    said = f"{found.labelled:,} labels of a stratified sample stand for {found.images:,} images with a rating."
    left_out = {
        "labels say unknown": found.unknown,
        "images of the sample have no label": found.missing,
        "lines could not be used": len(found.refused),
        "images have no rating, and nothing is said of them": found.not_rated,
        "images are known by their hash and count as Unsafe": found.known,
    }
    named = [f"{count:,} {what}" for what, count in left_out.items() if count]
    said += f" Left out or taken as given: {'; '.join(named)}." if named else ""
    if found.unknown or found.missing or found.refused:
        said += " The labels that are missing are taken to be like the others of their stratum."
    return said


def _categories(found: Corrected) -> Html:
    if not found.by_category:
        return paragraph("None.")
    head = ["category", "corrected", "95 % interval", "Rogan-Gladen", "95 % interval"]
    head += ["raw count claims", "error", "95 % interval of it"]
    rows = [
        [
            text(name),
            *_estimate(share.prediction_powered),
            *_estimate(share.rogan_gladen),
            text(_share(share.claimed.share)),
            text(_signed(share.claimed.error)),
            text(_error(share.claimed)),
        ]
        for name, share in found.by_category.items()
    ]
    return table([text(word) for word in head], rows)


def _strata(found: Corrected) -> Html:
    head = ["stratum", "images", "labelled", "labelled Unsafe"]
    rows = [
        [
            text(f"rated {stratum.rating}, {stratum.name}"),
            text(f"{stratum.rows:,}"),
            text(f"{stratum.labelled:,}"),
            text(f"{stratum.unsafe:,}"),
        ]
        for stratum in found.strata
    ]
    return table([text(word) for word in head], rows)


def _refused(found: Corrected) -> Html:
    rows = [[text(f"{refused.line:,}"), text(refused.reason)] for refused in found.refused[:_MOST_REFUSED]]
    return table([text("line"), text("why")], rows)


def _estimate(estimate: Estimate) -> tuple[Html, Html]:
    return text(_share(estimate.share)), text(f"{_share(estimate.low)} – {_share(estimate.high)}")


def _error(claim: Claim) -> str:
    return f"{_signed(claim.error_low)} – {_signed(claim.error_high)}"


def _share(share: float) -> str:
    return f"{share:.3%}"


def _signed(share: float) -> str:
    return f"{100 * share:+.3f} points"


def _known(share: float | None) -> str:
    return "an unknown share" if share is None else f"about {share:.0%}"
