"""From a trained model to a guard: a whole checkpoint with its card, a calibration, and figures in its README."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from eyeward.data.sample import Split
from eyeward.engine.local.checkpoint import load_checkpoint, quiet
from eyeward.engine.local.preparation import read_json
from eyeward.evaluate.calibrating import fitted, is_rated
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.run import Run
from eyeward.evaluate.summary import Metrics, summarise
from eyeward.guard import load_guard
from eyeward.guard.card import EyewardCard
from eyeward.guard.exporting import copy_settings
from eyeward.guard.tensor_names import publish_names
from eyeward.train.tuning.model_card import readme
from eyeward.train.tuning.pixels import write_limit
from eyeward.train.tuning.recipe import Method
from eyeward.train.tuning.run import known_warnings
from eyeward.train.tuning.survey import chosen
from eyeward.train.tuning.template import chat_template
from eyeward.verdict import Rating

if TYPE_CHECKING:
    from torch import Tensor

    from eyeward.train.tuning.run import Tuning
    from eyeward.train.tuning.trainer import GuardTrainer

ADAPTER, VALIDATION = "adapter", "validation"
_LISTED_POLICIES = 200


def finish(tuning: Tuning, trainer: GuardTrainer) -> Path | None:
    """Write the guard into its folder in that of the run; None in all processes but the first.

    Raises:
        CheckpointError: when the guard does not load, or answers as no trained guard does.
    """
    if tuning.recipe.method is Method.lora:
        trainer.save_model(str(tuning.folder / ADAPTER))
        tensors = None
    else:
        tensors = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return None
    folder = tuning.folder / tuning.recipe.name
    _write_weights(tuning, folder, tensors)
    metrics = _measure(tuning, folder) if tuning.recipe.calibrate else None
    (folder / "README.md").write_text(readme(tuning.recipe, EyewardCard.read(folder), metrics), encoding="utf-8")
    load_guard(folder)
    return folder


def _write_weights(tuning: Tuning, folder: Path, tensors: Mapping[str, Tensor] | None) -> None:
    """Write a whole checkpoint, beside its place first. Additions of LoRA are merged into what they were added to."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    base = load_checkpoint(tuning.base, dtype="float32", device="cpu")
    model = base.model
    stored = _stored_type(tuning.base)
    if tensors is not None:
        model.load_state_dict(tensors)
    else:
        from peft import PeftModel

        with known_warnings():
            model = PeftModel.from_pretrained(model, tuning.folder / ADAPTER).merge_and_unload()
    model.tie_weights()
    with quiet():
        model.to(stored).save_pretrained(unfinished)
    publish_names(unfinished, model.config.to_dict())
    copy_settings(tuning.base, unfinished, ("config.json", "README.md"))
    write_limit(unfinished, tuning.recipe.max_pixels)
    template = chat_template(base, tuning.recipe.order)
    if template is not None:
        (unfinished / "chat_template.jinja").write_text(template, encoding="utf-8")
    _card(tuning, unfinished).write(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _stored_type(base: Path) -> torch.dtype:
    settings = read_json(base / "config.json")
    found = getattr(torch, str(settings.get("dtype") or settings.get("torch_dtype")), None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _card(tuning: Tuning, folder: Path) -> EyewardCard:
    """Return the card before calibration. The scope check of the base holds as long as its vision tower does."""
    card, before = tuning.card, EyewardCard.read(tuning.base)
    policies = [tuning.data.policy_of(sample) for sample in chosen(tuning.data, Split.TRAIN)]
    listed = tuple(sorted({policy.hash for policy in {*policies}}))
    if len(listed) > _LISTED_POLICIES:
        listed = (f"{len(listed)} policies of the training data, their hashes begin with {listed[0][:8]}",)
    if before.scope is not None and not tuning.recipe.train_vision:
        card = card.model_copy(update={"scope": before.scope})
        (folder / before.scope.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tuning.base / before.scope.file, folder / before.scope.file)
    (known, _), *_ = Counter(policies).most_common(1)
    return card.model_copy(update={"training_policies": listed, "known_policy": known.to_yaml()})


def _measure(tuning: Tuning, folder: Path) -> Metrics | None:
    """Ask the guard about the validation samples, calibrate it on them, and count; None where a rating lacks.

    A guard that rates images of one kind only, and abstains on the rest, is measured and not calibrated.
    """
    if not _both_ratings(sample.rating for sample in chosen(tuning.data, Split.VALIDATION)):
        return None
    questions = read_questions(tuning.data.path, (), Split.VALIDATION)
    place = tuning.folder / VALIDATION
    shutil.rmtree(place, ignore_errors=True)
    run = Run.open(place, str(tuning.data.path), questions.asks)
    guard = load_guard(folder, self_check="off")
    with tuning.bar("Judging the validation samples", len(questions.asks)) as advance:
        run.ask(tuning.recipe.name, guard, advance)
    outcomes = run.finish()
    said = outcomes[tuning.recipe.name]
    if _both_ratings(outcome.question.rating for outcome in said if is_rated(outcome)):
        EyewardCard.read(folder).model_copy(update={"calibration": fitted(said)}).write(folder)
    metrics = summarise(outcomes, {ask.policy.hash: ask.policy for ask in questions.asks}, str(tuning.data.path))
    metrics.write(place)
    return metrics


def _both_ratings(ratings: Iterable[Rating]) -> bool:
    return {*ratings} >= {Rating.Safe, Rating.Unsafe}
