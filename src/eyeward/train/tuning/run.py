"""Tune a checkpoint by a recipe, from the look at the data to the guard; a run that was stopped goes on."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Split
from eyeward.engine.local.checkpoint import LoadedCheckpoint, find_folder, load_checkpoint, load_skeleton, quiet
from eyeward.errors import MissingExtra, UsageError
from eyeward.evaluate.questions import read_questions
from eyeward.guard.card import FILE_NAME as CARD_FILE
from eyeward.guard.card import EyewardCard
from eyeward.guard.loading import packaged_guards
from eyeward.train.recipe_file import write_whole
from eyeward.train.tuning.attacked import Changing
from eyeward.train.tuning.batches import NUMBER, Collator
from eyeward.train.tuning.curve import write_curve
from eyeward.train.tuning.lessons import Distribution, Teaching
from eyeward.train.tuning.parameters import choose, lora_settings
from eyeward.train.tuning.pixels import shrinking
from eyeward.train.tuning.plan import Plan, make_plan, shown
from eyeward.train.tuning.recipe import Precision, Recipe
from eyeward.train.tuning.survey import DISCARDED_FILE, Survey, balanced, chosen, survey
from eyeward.train.tuning.teacher import QuestionKey, read_teacher
from eyeward.train.tuning.template import chat_template

if TYPE_CHECKING:
    from eyeward.train.tuning.trainer import GuardTrainer

STATE = "state"
"""Points from which a stopped run goes on."""
LOSSES, CURVE = "losses.jsonl", "loss.svg"
LABELS_DIGEST = "labels.sha256"
_MOST_HELD_OUT = 256
"""Validation samples whose loss is looked at on the way."""

Bar = Callable[[str, int], Any]
"""Gives a bar: a context with the function that advances it."""


@dataclass
class Tuning:
    """A recipe at work in a folder."""

    recipe: Recipe
    folder: Path
    bar: Bar
    say: Callable[[str], None] = lambda sentence: None
    """Takes a sentence for people."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done before anything is read.

        Raises:
            MissingExtra: without the libraries of training.
            UsageError: without data.
        """
        for package in ("trl", "peft", "datasets", "accelerate"):
            if find_spec(package) is None:
                raise MissingExtra("train", "Tuning a checkpoint")
        if not self.recipe.data:
            raise UsageError("The recipe names no data; add data=FOLDER, one that `eyeward data build` wrote.")
        self.data = SampleFolder(Path(self.recipe.data))

    @cached_property
    def base(self) -> Path:
        """The folder of the checkpoint that learns."""
        return find_folder(packaged_guards().get(self.recipe.base) or self.recipe.base)[0]

    @cached_property
    def card(self) -> EyewardCard:
        """What the guard will be, so far as that is known before it is trained."""
        known = (self.base / CARD_FILE).is_file()
        return self.recipe.card(EyewardCard.read(self.base) if known else None)

    def teaching(self, checkpoint: LoadedCheckpoint) -> Teaching:
        """Return what turns samples into lessons for this guard."""
        return Teaching(checkpoint, self.card, self.recipe.rationales)

    def look(self, checkpoint: LoadedCheckpoint, split: Split) -> Survey:
        """Try all samples of one side.

        Raises:
            UsageError: when none of them is a lesson.
        """
        samples = chosen(self.data, split)
        teaching = self.teaching(checkpoint)
        most = int(checkpoint.model.config.text_config.max_position_embeddings)
        with self.bar(f"Looking at the samples for {split}", len(samples)) as advance:
            found = survey(teaching, self.data, samples, most, advance)
        if not found.samples and split is Split.TRAIN:
            reasons = ", ".join(f"{count} {reason}" for reason, count in found.reasons.items()) or "there are none"
            raise UsageError(f"{self.recipe.data} holds no sample to learn from: {reasons}.")
        return found

    def numbers(self, found: Survey) -> list[int]:
        """Return the places of samples that an epoch shows, in order."""
        return balanced(found.samples) if self.recipe.balance else list(range(len(found.samples)))

    def plan(self) -> tuple[Plan, Survey, tuple[str, str]]:
        """Say what the run would do; also a sample as it is learnt. No weights are loaded."""
        checkpoint = self._as_asked(load_skeleton(self.base))
        found = self.look(checkpoint, Split.TRAIN)
        devices = int(os.environ.get("WORLD_SIZE", "1"))
        plan = make_plan(self.recipe, checkpoint, found, self.numbers(found), devices)
        self._changing(found)
        if self.recipe.teacher is not None:
            plan = replace(plan, taught=len(self._taught(found)))
        return plan, found, shown(self.teaching(checkpoint).lesson(self.data, found.samples[0]), checkpoint)

    def train(self) -> GuardTrainer:
        """Learn, from the beginning or from where a run was stopped.

        Raises:
            UsageError: when the folder holds the run of another recipe, or of other labels.
        """
        self.recipe.claim(self.folder)
        self._claim_labels()
        settings = self._arguments()  # before the weights: what spreads them over devices has to be known by then
        checkpoint = self._as_asked(load_checkpoint(self.base, dtype=self.recipe.weights.value, device="cpu"))
        found = self.look(checkpoint, Split.TRAIN)
        held_out = self.look(checkpoint, Split.VALIDATION)
        self._name_discarded(found, held_out)
        if self.recipe.calibrate and held_out.samples:
            read_questions(self.data.path, (), Split.VALIDATION)  # what it refuses is refused before hours of learning
        from eyeward.train.tuning.trainer import StepCounter

        trainer = self._trainer(settings, checkpoint, found, held_out)
        begun = self._begun()
        with self.bar("Learning", self._steps(trainer)) as advance, quiet(), known_warnings():
            trainer.add_callback(StepCounter(advance))
            trainer.train(resume_from_checkpoint=None if begun is None else str(begun))
        self.keep_losses(trainer)
        return trainer

    def _begun(self) -> Path | None:
        """Return where a stopped run goes on, None for the beginning; say so where a later point was cut off."""
        points = saved_points(self.folder / STATE)
        whole = next((point for point in points if is_whole(point)), None)
        if points and whole is not points[0]:
            goes_on = "begins again" if whole is None else f"goes on from {whole.name}"
            self.say(f"{points[0]} was cut off while it was written; the run {goes_on}.")
        return whole

    def _claim_labels(self) -> None:
        """Write down which labels the run began with, or find that they are these."""
        file = self.folder / LABELS_DIGEST
        if not file.is_file():
            write_whole(file, f"{self.data.digest}\n")
        elif file.read_text(encoding="utf-8").strip() != self.data.digest:
            raise UsageError(
                f"The labels in {self.data.path} are not those that the run in {self.folder} began with. Name another "
                "folder with --out, or remove this one to start again."
            )

    def _name_discarded(self, found: Survey, held_out: Survey) -> None:
        both = replace(found, discarded=(*found.discarded, *held_out.discarded))
        both.write_discarded(self.folder / DISCARDED_FILE)
        if both.discarded:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in both.reasons.items())
            self.say(f"Samples that are no lessons: {reasons}; {self.folder / DISCARDED_FILE} names them.")

    def _taught(self, found: Survey) -> dict[QuestionKey, Distribution]:
        """Return what the teacher says to the samples; nothing without one."""
        teacher = self.recipe.teacher
        return {} if teacher is None else read_teacher(teacher, self.data, found.samples)

    def _changing(self, found: Survey) -> Changing | None:
        """Return what changes pictures, where the recipe wants it."""
        settings = self.recipe.attacked
        return None if settings is None else Changing.of(settings, self.data, found.samples, self.recipe.seed)

    def _steps(self, trainer: GuardTrainer) -> int:
        recipe = self.recipe
        batches = math.ceil(len(trainer.get_train_dataloader()) / recipe.accumulate)
        return recipe.steps or math.ceil(batches * recipe.epochs)

    def _as_asked(self, checkpoint: LoadedCheckpoint) -> LoadedCheckpoint:
        """Return the checkpoint with the template and the image settings that the guard will have."""
        templated = replace(checkpoint, chat_template=chat_template(checkpoint, self.recipe.order))
        return shrinking(templated, self.recipe.max_pixels)

    def keep_losses(self, trainer: GuardTrainer) -> None:
        """Write what was logged, and its picture."""
        if trainer.is_world_process_zero():
            history = trainer.state.log_history
            lines = "".join(json.dumps(entry) + "\n" for entry in history)
            (self.folder / LOSSES).write_text(lines, encoding="utf-8", newline="\n")
            write_curve(self.folder / CURVE, history, self.recipe.name)

    def _arguments(self) -> Any:
        import torch
        from trl.trainer.sft_config import SFTConfig

        recipe = self.recipe
        on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
        # Forked processes have the checkpoint in memory; those of other start methods would be sent a pickled one.
        workers = recipe.workers if "fork" in multiprocessing.get_all_start_methods() else 0
        return SFTConfig(
            output_dir=str(self.folder / STATE),
            num_train_epochs=recipe.epochs,
            max_steps=recipe.steps or -1,
            per_device_train_batch_size=recipe.batch,
            per_device_eval_batch_size=recipe.batch,
            gradient_accumulation_steps=recipe.accumulate,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type=recipe.schedule,
            warmup_steps=recipe.warmup if recipe.warmup < 1 else int(recipe.warmup),
            weight_decay=recipe.weight_decay,
            max_grad_norm=recipe.clip,
            bf16=recipe.precision is Precision.bfloat16,
            tf32=torch.cuda.is_available() or None,
            activation_checkpointing=recipe.checkpointing,
            use_cpu=on_cpu,
            dataloader_num_workers=workers,
            dataloader_multiprocessing_context="fork" if workers else None,
            dataloader_pin_memory=not on_cpu,
            save_strategy="steps",
            save_steps=recipe.save_every,
            save_total_limit=recipe.keep,
            eval_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            report_to=trackers(),
            seed=recipe.seed,
            data_seed=recipe.seed,
            remove_unused_columns=False,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            prediction_loss_only=True,
        )

    def _trainer(self, settings: Any, checkpoint: LoadedCheckpoint, found: Survey, held_out: Survey) -> GuardTrainer:
        from datasets import Dataset
        from datasets import disable_progress_bars as without_bars
        from transformers import PrinterCallback

        from eyeward.train.tuning.trainer import EpochTeller, GuardTrainer

        without_bars()
        recipe = self.recipe
        choose(checkpoint.model, recipe)
        samples = (*found.samples, *held_out.samples[:_MOST_HELD_OUT])
        evaluated = list(range(len(found.samples), len(samples)))
        if evaluated:
            settings.eval_strategy, settings.eval_steps = "steps", recipe.save_every
        changing = self._changing(found)
        collator = Collator(
            self.teaching(checkpoint),
            self.data,
            samples,
            checkpoint,
            self._taught(found),
            recipe.label_weight,
            changing,
        )
        with known_warnings():
            trainer = GuardTrainer(
                model=checkpoint.model,
                args=settings,
                data_collator=collator,
                train_dataset=Dataset.from_dict({NUMBER: self.numbers(found)}),
                eval_dataset=Dataset.from_dict({NUMBER: evaluated}) if evaluated else None,
                processing_class=checkpoint.tokenizer,
                peft_config=lora_settings(recipe),
            )
        # TRL says under the old name how activations come back (LoRA under ZeRO-3); transformers reads the new one.
        trainer.args.activation_checkpointing_kwargs = trainer.args.gradient_checkpointing_kwargs
        trainer.remove_callback(PrinterCallback)
        if changing is not None:
            trainer.add_callback(EpochTeller(changing))
        trainer.teacher_weight = recipe.teacher.weight if recipe.teacher else 0.0
        return trainer


def saved_points(states: Path) -> list[Path]:
    """Return the points of a run in `states`, the newest first, those included whose writing was cut off."""
    numbers = {point: point.name.rpartition("-")[2] for point in states.glob("checkpoint-*") if point.is_dir()}
    found = [point for point, number in numbers.items() if number.isdecimal()]
    return sorted(found, key=lambda point: int(numbers[point]), reverse=True)


def is_whole(point: Path) -> bool:
    """Whether a point was written to its end: the trainer writes its own state last."""
    try:
        return isinstance(json.loads((point / "trainer_state.json").read_bytes()), dict)
    except (OSError, ValueError):
        return False


def trackers() -> list[str]:
    """Name the trackers that are installed; Weights & Biases only where somebody set it up."""
    found = ["tensorboard"] if find_spec("tensorboard") or find_spec("tensorboardX") else []
    wanted = os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_MODE")
    return [*found, "wandb"] if wanted and find_spec("wandb") else found


@contextmanager
def known_warnings() -> Iterator[None]:
    """Keep warnings of the libraries to themselves that say nothing about a run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield
