"""From trained weights to a guard that ships: checkpoint, scope check, calibration, probe images and card."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from eyeward.engine.rating import Calibration, Platt
from eyeward.errors import CheckpointError
from eyeward.evaluate.fitting import platt
from eyeward.guard.card import EyewardCard, Probe, ScopeSettings, Vocabulary
from eyeward.guard.scope import fit_scope
from eyeward.policy import Policy, render
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.train.from_scratch.curriculum import choose_policy
from eyeward.train.from_scratch.outsiders import outsider
from eyeward.train.from_scratch.pictures import RENDER_SIZE, worn
from eyeward.verdict import Rating

if TYPE_CHECKING:
    from eyeward.guard import Guard
    from eyeward.scenes.graph import SceneGraph
    from eyeward.train.from_scratch.recipe import Finish

SCOPE_LAYERS = (1, 2)
SCOPE_QUANTILE = 0.98
"""Share of worn validation scenes that stay in scope."""
PROBE_SEEDS = range(60_000_000, 60_000_006)
VALIDATION_SEED = 60_001_000
TRAINED_ON = "drawn policies of eyeward.train.from_scratch.curriculum: the four packs and random variations of them"

ABOUT_GUARD = "Judges drawn scenes, not photographs."
ABOUT_BASE = "A base to train guards from; it has seen no verdict, so its ratings are guesses."


def base_card(name: str) -> EyewardCard:
    """Give the card of a model that has no verdicts yet; it is asked in the same words as the guard."""
    return EyewardCard(name=name, about=ABOUT_BASE, trained_to_judge=False, vocabulary=Vocabulary.met_in_training)


def finish_guard(folder: Path, name: str, finish: Finish) -> EyewardCard:
    """Fit scope check and calibration for the checkpoint in `folder`, add probe images, and write its card."""
    from eyeward.guard import load_guard

    scope = fit_scope_of(folder, finish)
    learned = {"about": ABOUT_GUARD, "trained_to_judge": True, "training_policies": (TRAINED_ON,)}
    card = base_card(name).model_copy(update={**learned, "scope": scope})
    card.write(folder)
    guard = load_guard(str(folder), self_check="off")
    card = card.model_copy(update={"calibration": Calibration(default=fit_calibration(guard, finish))})
    card.write(folder)
    guard = load_guard(str(folder), self_check="off")
    card = card.model_copy(update={"probes": make_probes(guard, folder)})
    card.write(folder)
    load_guard(str(folder))
    return card


def scene_picture(graph: SceneGraph, wear: bool) -> Image.Image:
    """Draw a scene as a file would hold it, worn or not."""
    image = paint(graph, RENDER_SIZE)
    return worn(image, random.Random(f"finish {graph.seed}")) if wear else image


def fit_scope_of(folder: Path, finish: Finish) -> ScopeSettings:
    """Fit the scope check on training scenes, half of them worn, against pictures that are none.

    Its threshold is placed on validation scenes.
    """
    scenes = (scene_picture(sample_scene(n, "train"), n % 2 == 0) for n in range(finish.scope_scenes))
    outsiders = (outsider(n) for n in range(finish.scope_outsiders))
    check = fit_scope(scope_features(folder, scenes), scope_features(folder, outsiders))
    held_out = (
        scene_picture(sample_scene(VALIDATION_SEED + n, "validation"), n % 4 != 0)
        for n in range(finish.scope_scenes // 4)
    )
    distances = [check.distance(row) for row in scope_features(folder, held_out)]
    settings = ScopeSettings(layers=SCOPE_LAYERS, threshold=float(np.quantile(distances, SCOPE_QUANTILE)))
    check.save(folder / settings.file)
    return settings


def scope_features(folder: Path, images: Iterable[Image.Image]) -> np.ndarray:
    """Give the pooled vision states of images, [images, features], as the engine computes them."""
    import torch

    from eyeward.engine.local.checkpoint import load_checkpoint
    from eyeward.engine.local.image_features import encode_images_and_layers
    from eyeward.engine.local.preparation import prepare_image

    loaded = load_checkpoint(folder, dtype=torch.float32, device="cpu")
    rows = []
    with torch.inference_mode():
        waiting = iter(images)
        while chunk := list(islice(waiting, 64)):
            prepared = [prepare_image(image, loaded.preparation) for image in chunk]
            rows.append(encode_images_and_layers(loaded.model, prepared, SCOPE_LAYERS)[1].numpy())
    return np.concatenate(rows)


def fit_calibration(guard: Guard, finish: Finish) -> Platt:
    """Fit Platt scaling on validation scenes under random policies.

    Raises:
        CheckpointError: when the guard cannot judge all of them.
    """
    from eyeward.guard import Request

    rng = random.Random("calibration")
    requests, unsafe = [], []
    for place in range(finish.calibration_policies):
        policy, wording = choose_policy(rng)
        asked = policy.model_copy(update={"verbatim": render(policy, wording).text})
        for number in range(finish.calibration_scenes):
            graph = sample_scene(VALIDATION_SEED + 100_000 + place * finish.calibration_scenes + number, "validation")
            requests.append(Request(scene_picture(graph, wear=False), asked))
            unsafe.append(decide(graph, policy).rating is Rating.Unsafe)
    verdicts = list(guard.assess_requests(requests))
    raw = [verdict.p_unsafe_raw for verdict in verdicts if verdict.p_unsafe_raw is not None]
    if len(raw) < len(requests):
        reason = next(verdict.error for verdict in verdicts if verdict.p_unsafe_raw is None)
        raise CheckpointError(
            f"{len(requests) - len(raw)} of {len(requests)} validation scenes could not be judged, so the guard is "
            f"not calibrated: {reason.message if reason else 'no probability'}"
        )
    return platt(np.array(raw), np.array(unsafe))


def make_probes(guard: Guard, folder: Path) -> tuple[Probe, ...]:
    """Keep a few validation scenes with what the guard says of them, for the check at every load.

    Probes that lay in the folder before are removed.

    Raises:
        CheckpointError: when the guard rates none of them Safe or Unsafe, so that nothing could be checked.
    """
    (folder / "probes").mkdir(exist_ok=True)
    for old in (folder / "probes").glob("*.png"):
        old.unlink()
    probes = []
    for seed in PROBE_SEEDS:
        graph = sample_scene(seed, "validation")
        image = paint(graph, 112)
        name = f"probes/{graph.motif}-{seed}.png"
        image.save(folder / name, optimize=True)
        verdict = guard.assess(folder / name, Policy.load("default"), explain=False)
        if verdict.rating in (Rating.Safe, Rating.Unsafe) and verdict.p_unsafe_raw is not None:
            assert verdict.category is not None
            probes.append(
                Probe(image=name, rating=verdict.rating, category=verdict.category, p_unsafe_raw=verdict.p_unsafe_raw)
            )
        else:
            (folder / name).unlink()
    if not probes:
        raise CheckpointError(
            f"The guard in {folder} rates none of {len(PROBE_SEEDS)} validation scenes Safe or Unsafe, so it has no "
            "probe images and is not finished; train it longer, or look at its scope check."
        )
    return tuple(probes)
