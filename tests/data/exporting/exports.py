"""Data sets to export, and what an import makes of an export."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from eyeward.data.augment.presets import load_augmentation
from eyeward.data.building import Build
from eyeward.data.exporting.export import Export, Exported, Form
from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.sample import Sample
from eyeward.images.hashes import sha256_of_bytes
from eyeward.scenes.labels import write_scenes
from eyeward.scenes.relabelling import by_scene
from tests.data.drawn import write_picture
from tests.data.importing.imports import imported


def augmented_scenes(folder: Path, count: int = 12, preset: str = "eyeward") -> SampleFolder:
    """Draw scenes, split them, and add them under changed policies."""
    write_scenes(folder / "scenes", count, 3, size=40)
    build = Build(folder / "set", resplit=True, augmentation=load_augmentation(preset, 1), labeller=by_scene)
    build.run([folder / "scenes"])
    return SampleFolder(folder / "set")


def labelled(folder: Path, samples: Iterable[Sample]) -> SampleFolder:
    """Write samples, each with a picture of its own under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = SampleWriter(folder)
    for number, sample in enumerate(samples):
        write_picture(folder / sample.image, number, 24)
        writer.write(sample)
    writer.finish()
    return SampleFolder(folder)


def exported(folder: SampleFolder, out: Path, form: Form, like: str = "mini", **options: int) -> Exported:
    """Export a folder."""
    return Export(form, like=like, name="scenes", **options).run(folder, out)


def by_content(folder: SampleFolder) -> list[str]:
    """Return the samples as JSON with their policies inline and their images named by their bytes, in one order."""
    lines = []
    for sample in folder:
        policy = None if sample.policy is None else folder.policy_of(sample)
        image = sha256_of_bytes(folder.image_of(sample).read_bytes())
        lines.append(sample.model_copy(update={"policy": policy, "image": image}).to_json())
    return sorted(lines)


def round_trip(out: Path, again: Path) -> list[str]:
    """Import an export, check that nothing was discarded, and return its samples as `by_content` does."""
    done = imported(out, again)
    assert done.reasons == {}
    return by_content(done.folder)
