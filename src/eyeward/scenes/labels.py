"""Labelled scenes on disk: their samples in `labels.jsonl`, and the folder around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from pydantic import JsonValue, TypeAdapter

from eyeward.data.folder import SampleFolder, SampleWriter, make_empty
from eyeward.data.sample import Sample, Split
from eyeward.policy.schema import Policy
from eyeward.scenes.graph import SceneGraph, Style
from eyeward.scenes.paint import paint
from eyeward.scenes.rationale import rationale
from eyeward.scenes.sample import Pairs, check_pairs, sample_scene
from eyeward.scenes.truth import Decision, DecisionKind, decide
from eyeward.scenes.variation import VariedPolicy

_SCENES_A_SEED = 2**32
_SCENE_RECORD = TypeAdapter(dict[str, JsonValue])


def graph_of(sample: Sample) -> SceneGraph:
    """Return the scene of a sample that was drawn."""
    return SceneGraph.from_json(json.dumps(sample.scene))


def label(graph: SceneGraph, image: str, split: Split, policy: Policy, varied: VariedPolicy | None = None) -> Sample:
    """Label a scene under `policy`, or under a variation of it, which is then kept in the label."""
    judged_by = policy if varied is None else varied.policy
    truth = decide(graph, judged_by)
    return Sample(
        image=image,
        category=truth.category,
        categories=truth.categories,
        rating=truth.rating,
        severity=truth.severity,
        rationale=rationale(graph, truth),
        decided_by=deciding_words(truth.decided_by),
        scene=_SCENE_RECORD.validate_python(graph.to_record()),
        split=split,
        annotator="eyeward.scenes",
        source="drawn by eyeward.scenes",
        licence="Apache-2.0",
        group=f"scene-{graph.seed}",
        policy=None if varied is None else varied.policy,
        changes=() if varied is None else tuple(change.recorded() for change in varied.changes),
    )


def deciding_words(decision: Decision) -> str:
    """Return the words of the deciding rule, or the stance, or `none_applies` or `no_rule`."""
    if decision.kind is DecisionKind.RULE:
        return str(decision.rule)
    return str(decision.stance if decision.kind is DecisionKind.STANCE else decision.kind)


def write_scenes(
    out: Path,
    count: int,
    seed: int,
    *,
    split: Split = Split.TRAIN,
    style: Style = Style.FLAT,
    pairs: Pairs = Pairs.OPEN,
    size: int = 224,
    progress: Callable[[], None] = lambda: None,
) -> tuple[Sample, ...]:
    """Draw `count` scenes into `out/images` and write their labels under the default policy.

    The same arguments write the same bytes. `labels.jsonl` is written last and in one piece, so a folder without it was
    not finished. `progress` is called after each image.

    Raises:
        UsageError: when `out` is a file, a folder with something in it, or cannot be made; for reserved pairs outside
            the test split.
    """
    check_pairs(split, pairs)
    make_empty(out)
    (out / "images").mkdir()
    policy = Policy.load("default")
    labels: list[Sample] = []
    for number in range(count):
        graph = sample_scene(seed * _SCENES_A_SEED + number, split, style, pairs=pairs)
        image = f"images/{number:06d}.png"
        paint(graph, size).save(out / image)
        labels.append(label(graph, image, split, policy))
        progress()
    writer = SampleWriter(out)
    for item in labels:
        writer.write(item)
    writer.finish()
    return tuple(labels)


def read_labels(folder: Path) -> Iterator[tuple[Sample, Image.Image]]:
    """Yield each label of a folder with its image."""
    scenes = SampleFolder(folder)
    for read in scenes:
        with Image.open(scenes.image_of(read)) as image:
            yield read, image.convert("RGB")
