"""Run a recipe from start to end, stage by stage; a stage that is done is not done again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from eyeward.errors import UsageError
from eyeward.scenes.facts import Context
from eyeward.train.from_scratch.base_lessons import base_answer, base_question, choose_question
from eyeward.train.from_scratch.corpus import corpus
from eyeward.train.from_scratch.curriculum import choose_policy
from eyeward.train.from_scratch.export import write_checkpoint
from eyeward.train.from_scratch.finish import base_card, finish_guard
from eyeward.train.from_scratch.lessons import Speller, collate, policy_answer, policy_question
from eyeward.train.from_scratch.model_card import base_readme, guard_readme
from eyeward.train.from_scratch.pictures import Pictures, rendered
from eyeward.train.from_scratch.reading import Lesson, Reader, train_reader
from eyeward.train.from_scratch.recipe import Recipe
from eyeward.train.from_scratch.tokenizer import END_OF_TEXT, build_tokenizer, token_id
from eyeward.train.from_scratch.vision import SceneHeads, pixel_values, train_vision
from eyeward.train.recipe_file import FILE_NAME as RECIPE_FILE

if TYPE_CHECKING:
    from transformers import LlavaOnevisionForConditionalGeneration

    from eyeward.train.from_scratch.recipe import Stretch

HELD_OUT_SEED = 50_000_000
CONTEXTS = tuple(Context)


@dataclass
class Run:
    """A recipe at work in a folder: the recipe itself, pictures, and weights after each stage."""

    recipe: Recipe
    folder: Path
    pictures_folder: Path

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        self.tokenizer = build_tokenizer(corpus())
        self.speller = Speller(self.tokenizer)
        self.pad = token_id(self.tokenizer, END_OF_TEXT)
        self.model = self._fresh_model()
        self.heads = SceneHeads(self.recipe.architecture.vision_width)

    def _fresh_model(self) -> LlavaOnevisionForConditionalGeneration:
        from transformers import LlavaOnevisionForConditionalGeneration

        config = self.recipe.architecture.config(self.tokenizer)
        config._attn_implementation = "eager"
        return LlavaOnevisionForConditionalGeneration(config).float()

    def pictures(self) -> tuple[Pictures, Pictures]:
        """Give training and validation pictures."""
        side, want = self.recipe.architecture.image_size, self.recipe.pictures
        return (
            rendered(self.pictures_folder / "train", want.count, 0, "train", side, want.wear),
            rendered(self.pictures_folder / "held_out", want.held_out, HELD_OUT_SEED, "validation", side, 0.0),
        )

    def everything(self, until: str | None = None) -> None:
        """Run the stages that are not done: vision, base, then each stretch of the guard.

        Raises:
            UsageError: when `until` is no stage, or the folder holds the run of another recipe.
        """
        if until is not None and until not in self.recipe.stages:
            stages = ", ".join(self.recipe.stages)
            raise UsageError(f"The recipe {self.recipe.name!r} has no stage {until!r}; its stages are {stages}.")
        self._claim_folder()
        works: list[Callable[[], None]] = [self._vision, self._base]
        works += [
            partial(self._guard, name, stretch)
            for name, stretch in zip(self.recipe.stages[2:], self.recipe.guard, strict=True)
        ]
        for name, work in zip(self.recipe.stages, works, strict=True):
            if self._weights(name).exists():
                self.restore(name)
            else:
                work()
                self.save(name)
            if name == "base":
                self.write_base()
            if name == until:
                return
        self.write_guard()

    def _claim_folder(self) -> None:
        """Write the recipe into the folder, or find that it is the one that its stages were made by."""
        file = self.folder / RECIPE_FILE
        done = [name for name in self.recipe.stages if self._weights(name).exists()]
        if done and not file.exists():
            raise UsageError(
                f"{self.folder} holds finished stages ({', '.join(done)}) and no {RECIPE_FILE} that says what made "
                f"them. Name another folder with --out, or copy the recipe that made them to {file}."
            )
        self.recipe.claim(self.folder)

    def _weights(self, stage: str) -> Path:
        return self.folder / f"{stage}.safetensors"

    def write_base(self) -> None:
        """Write the model as it is after the base stage as a checkpoint."""
        folder = self._write(f"{self.recipe.name}-base", base_readme)
        base_card(folder.name).write(folder)

    def write_guard(self) -> None:
        """Write the guard as a checkpoint with scope check, calibration and probes."""
        folder = self._write(self.recipe.name, guard_readme)
        finish_guard(folder, folder.name, self.recipe.finish)
        print(f"The guard is in {folder}; try it: eyeward assess examples/images --model {folder}")

    def _write(self, name: str, readme: Callable[[Recipe, int], str]) -> Path:
        folder = self.folder / name
        write_checkpoint(self.model, self.tokenizer, folder, self.recipe.architecture.context_length)
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        (folder / "README.md").write_text(readme(self.recipe, parameters))
        return folder

    def save(self, name: str) -> None:
        """Write weights (float32) and heads; after the vision stage only the tower's, the rest being untouched."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"model.{k}": v
            for k, v in self.model.state_dict().items()
            if k != "lm_head.weight" and (name != "vision" or "vision_tower" in k)
        }
        tensors |= {f"heads.{k}": v for k, v in self.heads.state_dict().items()}
        if hasattr(self, "reader"):
            tensors |= {f"reader.{k}": v for k, v in self.reader.heads.state_dict().items()}
        unfinished = self.folder / f"{name}.partial"
        save_file({k: v.contiguous() for k, v in tensors.items()}, unfinished)
        unfinished.rename(self._weights(name))

    def restore(self, name: str) -> None:
        """Read what `save` wrote."""
        tensors = load_file(self._weights(name))
        parts = {
            part: {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
            for part in ("model", "heads", "reader")
        }
        missing = self.model.load_state_dict(parts["model"], strict=False).missing_keys
        assert name == "vision" or set(missing) <= {"lm_head.weight"}, missing
        self.model.tie_weights()
        self.heads.load_state_dict(parts["heads"])
        if parts["reader"]:
            self._reader().heads.load_state_dict(parts["reader"])

    def _reader(self) -> Reader:
        if not hasattr(self, "reader"):
            self.reader = Reader(self.model, self.recipe.compile)
        return self.reader

    def _vision(self) -> None:
        train, held_out = self.pictures()
        found = train_vision(self.model.model.vision_tower, self.heads, train, self.recipe.vision, held_out)
        print(f"vision on {len(held_out.graphs)} held-out scenes: {found}")

    def _base(self) -> None:
        train, _ = self.pictures()
        stretch = self.recipe.base

        def lesson(rng: random.Random) -> Lesson:
            rows, pixels = self._draw(rng, train, stretch)
            questions, answers = [], []
            for policy in range(stretch.policies):
                kind = choose_question(rng)
                questions.append(base_question(self.speller, kind))
                answers.append([base_answer(self.speller, kind, train.graphs[row], rng) for row in rows[policy]])
            return Lesson(collate(questions, answers, 48, 64, self.pad), pixels)

        train_reader("base", self._reader(), lesson, stretch, stretch.vision_scale)

    def _guard(self, name: str, stretch: Stretch) -> None:
        train, _ = self.pictures()
        recipe = self.recipe

        def lesson(rng: random.Random) -> Lesson:
            explain = rng.randrange(stretch.explained_every) == 0
            rows, pixels = self._draw(rng, train, stretch)
            questions, answers = [], []
            for place in range(stretch.policies):
                while True:
                    policy, wording = choose_policy(rng)
                    question = policy_question(self.speller, policy, wording)
                    if len(question.ids) <= recipe.prefix_length:
                        break
                questions.append(question)
                answers.append(
                    [
                        policy_answer(
                            self.speller, question, policy, train.graphs[row], CONTEXTS, explain, stretch.described
                        )
                        for row in rows[place]
                    ]
                )
            length = recipe.explained_length if explain else recipe.answer_length
            length += recipe.description_length if stretch.described else 0
            batch = collate(questions, answers, recipe.prefix_length, length, self.pad)
            return Lesson(batch, None if stretch.described else pixels)

        train_reader(name, self._reader(), lesson, stretch, stretch.vision_scale)

    def _draw(self, rng: random.Random, pictures: Pictures, stretch: Stretch) -> tuple[list[list[int]], torch.Tensor]:
        """Draw picture rows for each policy (policies of one group share them) and the pixels of each group."""
        images = stretch.batch // stretch.policies
        groups = [sorted(rng.sample(range(len(pictures.graphs)), images)) for _ in range(stretch.groups)]
        pixels = torch.stack([pixel_values(pictures.pixels[rows]) for rows in groups])
        share = stretch.policies // stretch.groups
        return [rows for rows in groups for _ in range(share)], pixels
