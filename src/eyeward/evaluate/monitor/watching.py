"""Watch a stream of windows: what differs from the reference, what is an alarm, and how often one may be false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from eyeward.errors import UsageError
from eyeward.evaluate.monitor.betting import Bet
from eyeward.evaluate.monitor.drift import chi_square, holm, largest_gap, one_against_others, population_stability
from eyeward.evaluate.monitor.window import ERROR, Window, pooled
from eyeward.verdict import Rating

DRIFT_SHARE = 0.5
"""The part of the promised false alarms that tests on counts may use up; the rest is for agreement with labels."""


class Kind(StrEnum):
    """What an alarm is about."""

    ratings = "ratings"
    categories = "categories"
    category = "category"
    scores = "scores"
    images = "images"
    """A number about images, such as their brightness: others come in."""
    recall = "recall"
    specificity = "specificity"
    canary = "canary"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Settings(_Record):
    """What is promised, and what is claimed."""

    false_alarms: float = Field(default=0.05, gt=0.0, lt=1.0)
    """The chance of any false alarm at all over `horizon` windows."""
    horizon: int = Field(default=26, ge=1)
    """Windows that the promise is about: half a year of weeks."""
    recall: float = Field(default=0.9, gt=0.0, lt=1.0)
    """What is claimed of unsafe images with a label; an alarm says that it is lower."""
    specificity: float = Field(default=0.9, gt=0.0, lt=1.0)
    """The same of safe images with a label."""
    least_stability: float = Field(default=0.0, ge=0.0)
    """Population stability index below which a difference is no alarm, however sure: large windows see anything."""


class Alarm(_Record):
    """Something that needs a person."""

    window: str
    kind: Kind
    what: str
    """The category, the number about images, the SHA-256 of the canary; empty where the kind says all."""
    sentence: str


class Compared(_Record):
    """One test on the counts of a window."""

    kind: Kind
    what: str = ""
    stability: float
    """Population stability index; for scores and numbers about images the largest gap of the distributions."""
    chance: float
    """Of a difference like this in windows that are like the reference, adjusted for all tests of the window."""


class Watched(_Record):
    """What was found in one window."""

    window: Window
    tests: tuple[Compared, ...]
    recall_evidence: float
    """What a gambler against the claimed recall owned at most so far; see `betting`."""
    specificity_evidence: float
    labels: int
    """Labels so far."""
    notices: tuple[str, ...]
    """What is worth knowing and no alarm."""


class Watch(_Record):
    """A stream, watched from its beginning: what stands in `monitor.json`."""

    settings: Settings
    reference: Window
    watched: tuple[Watched, ...]
    alarms: tuple[Alarm, ...]


def watch(reference: Sequence[Window], windows: Sequence[Window], settings: Settings | None = None) -> Watch:
    """Compare windows with a reference, in their order.

    Tests on counts share half of the false alarms, evenly over the windows of the horizon and after Holm over the tests
    of a window; the other half goes to recall and specificity of labels, which may be looked at at any time. Canaries
    are no matter of chance: one that changes, or that could not be judged, is an alarm. Windows of one name are
    numbered.

    Raises:
        UsageError: when there is nothing to compare, or the policy is not the same everywhere.
    """
    chosen = settings or Settings()
    base = pooled(reference)
    if not base.images and not base.canaries:
        raise UsageError("The reference holds no image, so nothing can differ from it; name one that does.")
    if not windows:
        raise UsageError("There is no window to watch; name the runs or the log that come after the reference.")
    pooled([base, *windows])  # refuses another policy
    level = chosen.false_alarms * DRIFT_SHARE / chosen.horizon
    left = chosen.false_alarms * (1 - DRIFT_SHARE) / 2
    recall, specificity = Bet(chosen.recall), Bet(chosen.specificity)
    alarms: list[Alarm] = []
    watched: list[Watched] = []
    model = base.model
    for window in _told_apart(windows):
        tests = _tests(base, window)
        alarms += [
            Alarm(window=window.name, kind=test.kind, what=test.what, sentence=_differs(test))
            for test in tests
            if test.chance <= level and test.stability >= chosen.least_stability
        ]
        for kind, bet, truth in ((Kind.recall, recall, Rating.Unsafe), (Kind.specificity, specificity, Rating.Safe)):
            bet.add(label.agrees for label in window.labels if label.truth is truth)
            if bet.refutes(left):
                alarms.append(Alarm(window=window.name, kind=kind, what="", sentence=_disagrees(kind, bet)))
        alarms += _canaries(base, window)
        notices = list(window.notices)
        if window.model != model:
            notices.append(f"The model is {_named(window)} from here on.")
            model = window.model
        if not window.images:
            notices.append("It holds no image: nothing is compared.")
        uncounted = sorted(base.statistics.keys() - window.statistics.keys())
        if uncounted and window.images:
            notices.append(f"Of its images {', '.join(uncounted)} was not kept, and is not compared.")
        watched.append(
            Watched(
                window=window,
                tests=tests,
                recall_evidence=recall.highest,
                specificity_evidence=specificity.highest,
                labels=recall.labels + specificity.labels,
                notices=tuple(notices),
            )
        )
    return Watch(settings=chosen, reference=base, watched=tuple(watched), alarms=tuple(alarms))


def _tests(base: Window, window: Window) -> tuple[Compared, ...]:
    """Test everything that can be counted, and adjust for how much that is."""
    if not base.images or not window.images:
        return ()
    names = sorted({*base.categories, *window.categories})
    gap, of_scores = largest_gap(base.scores, window.scores)
    found: dict[str, tuple[Kind, str, float, float]] = {
        "ratings": (
            Kind.ratings,
            "",
            population_stability(base.ratings, window.ratings),
            chi_square(base.ratings, window.ratings),
        ),
        "categories": (
            Kind.categories,
            "",
            population_stability(base.categories, window.categories),
            chi_square(base.categories, window.categories),
        ),
        "scores": (Kind.scores, "", gap, of_scores),
    }
    for name in names if len(names) > 2 else ():
        old, new = (
            {name: w.categories.get(name, 0), "others": w.images - w.categories.get(name, 0)} for w in (base, window)
        )
        chance = one_against_others(base.categories, window.categories, name)
        found[f"category {name}"] = (Kind.category, name, population_stability(old, new), chance)
    for name in sorted(base.statistics.keys() & window.statistics.keys()):
        gap, chance = largest_gap(base.statistics[name], window.statistics[name])
        found[f"images {name}"] = (Kind.images, name, gap, chance)
    adjusted = holm({key: chance for key, (_, _, _, chance) in found.items()})
    return tuple(
        Compared(kind=kind, what=what, stability=stability, chance=adjusted[key])
        for key, (kind, what, stability, _) in found.items()
    )


def _told_apart(windows: Sequence[Window]) -> list[Window]:
    """Number windows that have the name of an earlier one, as folders of one name have."""
    told: list[Window] = []
    times: Counter[str] = Counter()
    for window in windows:
        times[window.name] += 1
        again = {"name": f"{window.name} ({times[window.name]})"} if times[window.name] > 1 else {}
        told.append(window.model_copy(update=again))
    return told


def _canaries(base: Window, window: Window) -> list[Alarm]:
    """Compare canaries with the reference; one that is not there any more is an alarm, too, and so is a failure."""
    found = []
    for digest, said in base.canaries.items():
        now = window.canaries.get(digest, "not among the images")
        if now == said == ERROR:
            found.append((digest, "could not be judged, here as in the reference"))
        elif now != said:
            found.append((digest, f"is {now}, it was {said}"))
    return [
        Alarm(window=window.name, kind=Kind.canary, what=digest, sentence=f"Canary {digest[:12]} {fault}.")
        for digest, fault in found
    ]


def _differs(test: Compared) -> str:
    what = f"Category {test.what} differs" if test.what else f"The {test.kind} differ"
    if test.kind is Kind.images:
        what = f"The {test.what} of the images differs"
    size = "largest gap" if test.kind in (Kind.scores, Kind.images) else "stability index"
    return f"{what} from the reference: {size} {test.stability:.3f}, adjusted chance {test.chance:.1e}."


def _disagrees(kind: Kind, bet: Bet) -> str:
    return (
        f"The {kind} on labels is below {bet.least:g}: {bet.agreed:,} of {bet.labels:,} so far; evidence "
        f"{bet.highest:.3g} to 1."
    )


def _named(window: Window) -> str:
    model = window.model
    return f"{model.name} {(model.revision or 'of unknown revision')[:12]} ({model.engine})"
