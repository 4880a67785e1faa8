"""Training and test data of the experiments: drawn scenes, plain and under changed policies.

The policy has four categories, and scenes of others are left out: prompts are half as long, so cells learn twice as
much in their time. Changes use only words that mini-base knows, or its vocabulary would make every verdict Review.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eyeward.data.augment.presets import PAPER
from eyeward.data.augment.recipe import Augmentation, Variation, augment
from eyeward.data.augment.steps import (
    Count,
    DeclareOthers,
    DeclareOwn,
    MoveDecidingRule,
    MoveOtherRules,
    RemoveCategories,
    Reorder,
)
from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.sample import Sample, Split
from eyeward.policy import Policy
from eyeward.policy.schema import Stance
from eyeward.scenes.labels import deciding_words, graph_of, write_scenes
from eyeward.scenes.rationale import rationale
from eyeward.scenes.relabelling import by_scene
from eyeward.scenes.truth import decide
from eyeward.verdict import NA

POLICY = Policy.load("default").only("O2", "O5", "O6", "O9")
_OWN = (
    Variation(steps=(DeclareOwn(stance=Stance.non_violating, others=Count(least=0, most=2)),)),
    Variation(steps=(DeclareOwn(stance=Stance.sensitive, others=Count(least=0, most=2)),)),
)
_OTHERS = (
    Variation(steps=(DeclareOthers(stance=Stance.non_violating),)),
    Variation(steps=(DeclareOthers(stance=Stance.sensitive),)),
)
BOTH_WAYS = Augmentation(
    variations=(
        *_OWN,
        *_OTHERS,
        Variation(steps=(MoveDecidingRule(),)),
        Variation(steps=(MoveOtherRules(),)),
        Variation(steps=(RemoveCategories(own=True, count=Count(least=0, most=1)),)),
        Variation(steps=(RemoveCategories(count=Count(least=1, most=1)), Reorder())),
    ),
)
"""The preset `eyeward` without new names, sentences and packs."""
AUDIT = Augmentation(seed=911, two_sided=False, variations=(*_OWN, *_OTHERS))
"""What every test image is asked under beside the policy as it is: its own flip, and unrelated changes."""
AUGMENTATIONS: dict[str, Augmentation | None] = {"plain": None, "paper": PAPER, "both ways": BOTH_WAYS}


@dataclass(frozen=True)
class Sizes:
    """How many scenes are drawn; those of the four categories and of none are kept."""

    train: int
    test: int


def make_worlds(out: Path, sizes: Sizes) -> dict[str, Path]:
    """Draw and augment what is not there yet; give the folders by name, `test` among them."""
    drawn = {"train": out / f"train-{sizes.train}", "test": out / f"test-{sizes.test}"}
    for split, count in (("train", sizes.train), ("test", sizes.test)):
        if not (drawn[split] / "labels.jsonl").exists():
            write_scenes(drawn[split], count, 17, split=Split(split))
    folders = {"test": _changed(drawn["test"], AUDIT, "audit")}
    for name, augmentation in AUGMENTATIONS.items():
        folders[name] = _changed(drawn["train"], augmentation, name.replace(" ", "-"))
    return folders


def _changed(source: Path, augmentation: Augmentation | None, name: str) -> Path:
    """Write the samples of a folder with their variants beside it; the images stay where they are."""
    target = source.with_name(f"{source.name}-{name}")
    if (target / "labels.jsonl").exists():
        return target
    target.mkdir(exist_ok=True)
    samples = [_under_ours(sample) for sample in SampleFolder(source) if _is_ours(sample)]
    images = target / "images"
    if not images.exists():
        images.symlink_to((source / "images").resolve(), target_is_directory=True)
    writer = SampleWriter(target)
    changed = samples
    if augmentation is not None:
        changed = list(augment(samples, augmentation, lambda sample: POLICY, by_scene).samples)
    for sample in changed:
        writer.write(sample)
    writer.finish()
    return target


def _is_ours(sample: Sample) -> bool:
    return sample.category == NA or sample.category.partition(":")[0] in POLICY.ids


def _under_ours(sample: Sample) -> Sample:
    """Label a sample under the policy of four categories."""
    graph = graph_of(sample)
    truth = decide(graph, POLICY)
    fields = {
        "policy": POLICY,
        "category": truth.category,
        "categories": truth.categories,
        "rating": truth.rating,
        "severity": truth.severity,
        "rationale": rationale(graph, truth),
        "decided_by": deciding_words(truth.decided_by),
    }
    return sample.model_copy(update=fields)
