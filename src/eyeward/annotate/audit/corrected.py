"""What a dataset really holds, by the labels of a sample, beside what the guard's own count would have claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from eyeward.annotate.audit.frame import Frame, Place, Said
from eyeward.annotate.audit.labels import Labels, Refused, read_labels
from eyeward.annotate.audit.prevalence import Estimate, Further, Labelled, RoganGladen, prediction_powered, rogan_gladen
from eyeward.annotate.audit.sample import Sample, chosen, places_of, read_sample
from eyeward.annotate.query import connected
from eyeward.annotate.record import read_run
from eyeward.errors import UsageError
from eyeward.verdict import Rating

NO_CATEGORY = "no category named"
"""In place of the category of labels that name none."""
_FEWEST = 2


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Claim(_Record):
    """What the share of rows that are rated Unsafe would have claimed, and how far that is from the corrected share."""

    share: float
    error: float
    """The claim less the corrected share; above zero it is too high."""
    error_low: float
    error_high: float

    @classmethod
    def against(cls, share: float, right: Estimate) -> Claim:
        """Compare a claim."""
        return cls(share=share, error=share - right.share, error_low=share - right.high, error_high=share - right.low)


class LabelledStratum(_Record):
    """What the labels say of one stratum."""

    name: str
    rating: Rating
    rows: int
    labelled: int
    unsafe: int


class CategoryShare(_Record):
    """How much of the dataset is Unsafe under one category."""

    prediction_powered: Estimate
    rogan_gladen: RoganGladen
    claimed: Claim


class Corrected(_Record):
    """What labels say of a dataset under one policy."""

    policy: str
    policy_hash: str
    images: int
    """Images that the shares are shares of: all that have a rating."""
    not_rated: int
    """Images without a rating; nothing is said of them."""
    known: int
    """Images that are Unsafe because their hash is known."""
    labelled: int
    unknown: int
    missing: int
    refused: tuple[Refused, ...]
    strata: tuple[LabelledStratum, ...]
    prediction_powered: Estimate
    rogan_gladen: RoganGladen
    claimed: Claim
    by_category: dict[str, CategoryShare]
    """What is Unsafe, by category; the last is for labels that name none."""


def correct(folder: Path, file: Path) -> Corrected:
    """Estimate what is really there from the labels in a CSV of `eyeward audit sample`.

    Raises:
        UsageError: when the sample was not drawn from this run as it is now, or a stratum has fewer than two labels.
    """
    record, sample = read_run(folder), read_sample(file)
    if sample.fingerprint != record.fingerprint:
        raise UsageError(f"{file} was drawn from another run than {folder}; name the labels of this one.")
    policy = chosen(record, sample.policy)
    labels = read_labels(file, sample, policy)
    frame = Frame(connected(folder), sample.policy_hash)
    counted = frame.counted(sample.strata)
    known, not_rated = frame.left_out()
    drawn_from = ({stratum.number: stratum.rows for stratum in sample.strata}, sample.known)
    if drawn_from != ({number: rows for number, (rows, _) in counted.items()}, known):
        raise UsageError(f"More or other images of {folder} are judged now than when {file} was drawn; draw anew.")
    answers = _Answers(sample, labels, frame.said(list(labels.by_place)))
    answers.check()

    images = sum(stratum.rows for stratum in sample.strata) + known
    flagged = {stratum.number: stratum.rows for stratum in sample.strata if stratum.rating is Rating.Unsafe}
    overall = answers.overall({number: rows * mean for number, (rows, mean) in counted.items()})
    share = prediction_powered(overall, Further(positive=known))
    said = frame.said_by_category(sample.strata)
    named = {label.category or NO_CATEGORY for label in labels.by_place.values() if label.unsafe}
    by_category = {}
    for category in dict.fromkeys((*policy.labels, *said, NO_CATEGORY)):
        if category in named or category in said:
            by_category[category] = _category_share(answers, category, said.get(category, {}), images, known)
    return Corrected(
        policy=sample.policy,
        policy_hash=sample.policy_hash,
        images=images,
        not_rated=not_rated,
        known=known,
        labelled=len(labels.by_place),
        unknown=labels.unknown,
        missing=labels.missing,
        refused=labels.refused,
        strata=tuple(
            LabelledStratum(
                name=stratum.name,
                rating=stratum.rating,
                rows=stratum.rows,
                labelled=len(part.outcomes),
                unsafe=int(part.outcomes.sum()),
            )
            for stratum, part in zip(sample.strata, overall, strict=True)
        ),
        prediction_powered=share,
        rogan_gladen=rogan_gladen(answers.overall(flagged, flags=True), Further(positive=known)),
        claimed=Claim.against((sum(flagged.values()) + known) / images, share),
        by_category=by_category,
    )


def _category_share(
    answers: _Answers, category: str, said: Mapping[int, tuple[int, float]], images: int, known: int
) -> CategoryShare:
    """Estimate what is Unsafe under one category; `said` are rows rated so and the sums of their scores, by stratum."""
    of_another = Further(negative=known)
    scores = answers.of_category(category, {number: total for number, (_, total) in said.items()})
    flags = answers.of_category(category, {number: count for number, (count, _) in said.items()}, flags=True)
    share = prediction_powered(scores, of_another)
    return CategoryShare(
        prediction_powered=share,
        rogan_gladen=rogan_gladen(flags, of_another),
        claimed=Claim.against(sum(count for count, _ in said.values()) / images, share),
    )


@dataclass
class _Answers:
    """Labels of people beside what the guard says of the same images, by strata."""

    sample: Sample
    labels: Labels
    said: Mapping[Place, Said]

    def check(self) -> None:
        """Refuse labels that leave a stratum in the dark."""
        labelled = self._places()
        short = [s for s in self.sample.strata if len(labelled[s.number]) < min(_FEWEST, s.rows)]
        if short:
            named = ", ".join(f"{s.number} ({len(labelled[s.number])} of {s.drawn} labelled)" for s in short)
            raise UsageError(
                f"Every stratum needs two labels at least, and these have fewer: {named}. Label more of their images."
            )

    def overall(self, totals: Mapping[int, float], flags: bool = False) -> list[Labelled]:
        """Return what counts for the share of all that is unsafe; `totals` are sums by stratum over all images.

        They are sums of what stands for the guard: its scores, or with `flags` whether it says Unsafe.
        """
        return self._strata(
            {place: label.unsafe for place, label in self.labels.by_place.items()},
            {place: float(said.unsafe) if flags else said.score for place, said in self.said.items()},
            totals,
        )

    def of_category(self, category: str, totals: Mapping[int, float], flags: bool = False) -> list[Labelled]:
        """Return the same for the share that is unsafe under one category."""
        return self._strata(
            {
                place: label.unsafe and (label.category or NO_CATEGORY) == category
                for place, label in self.labels.by_place.items()
            },
            {
                place: (1.0 if flags else said.score) if said.unsafe and said.category == category else 0.0
                for place, said in self.said.items()
            },
            totals,
        )

    def _strata(
        self, outcomes: Mapping[Place, bool], scores: Mapping[Place, float], totals: Mapping[int, float]
    ) -> list[Labelled]:
        labelled = self._places()
        return [
            Labelled(
                rows=stratum.rows,
                outcomes=np.array([outcomes[place] for place in labelled[stratum.number]], np.float64),
                scores=np.array([scores[place] for place in labelled[stratum.number]], np.float64),
                mean_score=totals.get(stratum.number, 0.0) / stratum.rows,
            )
            for stratum in self.sample.strata
        ]

    def _places(self) -> dict[int, list[Place]]:
        found: dict[int, list[Place]] = {stratum.number: [] for stratum in self.sample.strata}
        for place, number in places_of(self.sample).items():
            if place in self.labels.by_place:
                found[number].append(place)
        return found
