"""Training and test data of the experiments: drawn scenes, plain and under changed policies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eyeward.data.augment.presets import EYEWARD, PAPER
from eyeward.data.augment.recipe import Augmentation, Variation, augment
from eyeward.data.augment.steps import Count, DeclareOthers, DeclareOwn
from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.sample import Sample, Split
from eyeward.policy.schema import Stance
from eyeward.scenes.labels import write_scenes
from eyeward.scenes.relabelling import by_scene

AUDIT = Augmentation(
    seed=911,
    two_sided=False,
    variations=(
        Variation(steps=(DeclareOwn(stance=Stance.non_violating, others=Count(least=0, most=2)),)),
        Variation(steps=(DeclareOwn(stance=Stance.sensitive, others=Count(least=0, most=2)),)),
        Variation(steps=(DeclareOthers(stance=Stance.non_violating),)),
        Variation(steps=(DeclareOthers(stance=Stance.sensitive),)),
    ),
)
"""What every test image is asked under beside the policy as it is: its own flip, and unrelated changes."""
AUGMENTATIONS: dict[str, Augmentation | None] = {"plain": None, "paper": PAPER, "eyeward": EYEWARD}


@dataclass(frozen=True)
class Sizes:
    """How many scenes there are."""

    train: int
    test: int


def make_worlds(out: Path, sizes: Sizes) -> dict[str, Path]:
    """Draw and augment what is not there yet; give the folders by name, `test` among them."""
    drawn = {"train": out / f"train-{sizes.train}", "test": out / f"test-{sizes.test}"}
    for split, count in (("train", sizes.train), ("test", sizes.test)):
        if not (drawn[split] / "labels.jsonl").exists():
            write_scenes(drawn[split], count, 17, split=Split(split))
    folders = {"test": _augmented(drawn["test"], AUDIT, "audit")}
    for name, augmentation in AUGMENTATIONS.items():
        folders[name] = drawn["train"] if augmentation is None else _augmented(drawn["train"], augmentation, name)
    return folders


def _augmented(source: Path, augmentation: Augmentation, name: str) -> Path:
    """Write the samples of a folder with their variants beside it; the images stay where they are."""
    target = source.with_name(f"{source.name}-{name}")
    if (target / "labels.jsonl").exists():
        return target
    target.mkdir(exist_ok=True)
    folder = SampleFolder(source)
    samples: list[Sample] = list(folder)
    images = target / "images"
    if not images.exists():
        images.symlink_to((source / "images").resolve(), target_is_directory=True)
    writer = SampleWriter(target)
    for sample in augment(samples, augmentation, folder.policy_of, by_scene).samples:
        writer.write(sample)
    writer.finish()
    return target
