"""The study as a whole: images in, a guard and something that knows better, shares out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eyeward.annotate.judging import Judge
from eyeward.data.folder import SampleFolder
from eyeward.errors import DataError
from eyeward.moderate.bench.asking import asked
from eyeward.moderate.bench.counting import Bench, by_category, by_prompt, seen
from eyeward.moderate.bench.prompts import Made, Prompt
from eyeward.policy import Policy
from eyeward.verdict import Rating, Verdict

Truths = Mapping[str, tuple[Rating | None, str | None]]
"""Rating and category by the name of an image; no rating where nobody knows."""


def bench(
    prompts: Sequence[Prompt],
    images: Sequence[Made],
    out: Path,
    guard: Judge,
    policy: Policy,
    *,
    judge: Judge | None = None,
    labels: Path | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Bench:
    """Ask the guard about every image, and compare it with the labels, else with the judge, else with nothing.

    Writes verdicts and `bench.json` into `out`, and goes on where a run was stopped.

    Raises:
        UsageError: when `out` holds a run of other guards.
        DataError: when labels are about none of the images.
    """
    said = asked(guard, policy, images, out / "verdicts-guard.jsonl", advance)
    if labels is not None:
        truths = labelled(labels, images)
    else:
        knows = said if judge is None else asked(judge, policy, images, out / "verdicts-judge.jsonl", advance)
        truths = by_verdicts(knows)
    found = seen(images, said, truths)
    independent = judge is not None or labels is not None
    result = Bench(
        prompts=len(prompts),
        images=len(images),
        without_image=len(prompts) - len({made.prompt.number for made in images}),
        policy=policy.ref,
        guard=guard.model,
        judge=None if judge is None or labels is not None else judge.model,
        labels=None if labels is None else str(labels),
        by_prompt=by_prompt(found, independent),
        by_category=by_category(found, policy.ids, independent),
    )
    result.write(out)
    return result


def by_verdicts(verdicts: Mapping[str, Verdict]) -> Truths:
    """Take the word of a guard: where it abstained or failed, nobody knows."""
    return {
        name: (None if verdict.rating is Rating.Review else verdict.rating, verdict.category)
        for name, verdict in verdicts.items()
    }


def labelled(folder: Path, images: Sequence[Made]) -> Truths:
    """Read what people say of images, by the names of the files.

    Raises:
        DataError: when they are about none of these.
    """
    names = {made.image.name for made in images}
    found = {
        Path(sample.image).name: (sample.rating, sample.category)
        for sample in SampleFolder(folder)
        if Path(sample.image).name in names
    }
    if not found:
        raise DataError(
            "None of the labels is about one of the images; they go together by the names of files.", folder
        )
    return found
