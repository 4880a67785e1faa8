"""A guard whose weights are known: its log-odds of Unsafe as a function of the pixels, and pictures made against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import DynamicCache

from eyeward.engine.averaging import VIEWS, View, mirrored, nearer, without_specks
from eyeward.engine.local.checkpoint import LoadedCheckpoint, find_folder, load_checkpoint
from eyeward.engine.local.preparation import PreparationConfig, read_json
from eyeward.engine.local.resizing import resize
from eyeward.engine.local.tokens import PromptTokens
from eyeward.engine.local.trie import ROOT, AnswerTree
from eyeward.engine.protocol import ImageSegment
from eyeward.errors import EyewardError, UsageError
from eyeward.evaluate.suites.attack import BUDGETS
from eyeward.evaluate.suites.projected_gradient import projected_gradient
from eyeward.guard import EyewardCard, packaged_guards
from eyeward.guard.chat_template import answer_lead, render_chat
from eyeward.guard.forms import RATING
from eyeward.guard.llavaguard import LlavaGuardProfile, ModelText
from eyeward.images import decode
from eyeward.policy import Policy
from eyeward.verdict import Failure

STEPS = 8
AT_ONCE = 8
"""Pictures of one policy that are attacked together."""
_PROFILE = "llavaguard"
_FAMILY = "llava_onevision"


@dataclass(frozen=True)
class Target:
    """A picture to be made, one for each budget."""

    image: Path
    policy: Policy
    raise_score: bool
    """Whether the picture is safe, so that Unsafe is wrong."""
    files: tuple[Path, ...]
    """Where the pictures belong, in the order of `BUDGETS`."""

    @property
    def made(self) -> bool:
        """Whether all of them are there."""
        return all(file.is_file() for file in self.files)


def why_not(source: str) -> str | None:
    """Say why a guard cannot be attacked through its gradients, or None where it can."""
    try:
        folder, _ = find_folder(packaged_guards().get(source) or source)
        card = EyewardCard.read(folder, None if Path(source).expanduser().is_dir() else source)
        kind = read_json(folder / "config.json").get("model_type")
    except EyewardError as problem:
        return f"its checkpoint cannot be read: {problem}"
    if card.profile != _PROFILE or kind != _FAMILY:
        return f"gradients are known for {_FAMILY} with the profile {_PROFILE}, and it is {kind} with {card.profile}"
    return None


class PixelScore:
    """The log-odds of Unsafe under one policy, for pictures of the size of the model's base view.

    At that size every pixel reaches the vision tower unchanged, so a budget on pixels is one on what the model sees.
    """

    def __init__(self, source: str) -> None:
        """Load the weights in float32, apart from those that judge.

        Raises:
            UsageError: when this guard cannot be attacked so.
            CheckpointError: when it cannot be loaded.
        """
        reason = why_not(source)
        if reason is not None:
            raise UsageError(f"{source} cannot be attacked through its gradients: {reason}.")
        checkpoint = load_checkpoint(packaged_guards().get(source) or source, dtype="float32")
        self._checkpoint = checkpoint
        self._card = EyewardCard.read(checkpoint.folder, None if Path(source).expanduser().is_dir() else source)
        self._tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
        self._profile = LlavaGuardProfile(self._card, _text(checkpoint, self._tokens))
        settings = checkpoint.preparation
        assert isinstance(settings, PreparationConfig)
        self._settings = settings
        self.side: int = settings.tile_size

    def pixels(self, picture: Image.Image) -> Tensor:
        """Return a picture as the base view has it: [3, side, side], whole levels from 0 to 255."""
        settings = self._settings
        small = resize(picture, (self.side, self.side), settings.resample, settings.resizing)
        return torch.from_numpy(np.array(small, np.float32)).permute(2, 0, 1).contiguous()

    def under(self, policy: Policy) -> Callable[[Tensor], Tensor]:
        """Return the function from pictures [pictures, 3, side, side] to log-odds [pictures].

        Raises:
            PolicyError: when the policy cannot be asked of this guard.
        """
        blank = Image.new("RGB", (self.side, self.side))
        prompt = self._profile.prompt(self._profile.question(policy), blank, False, None)
        layout = self._tokens.layout(prompt)
        family, model = self._checkpoint.family, self._checkpoint.model
        marks = (self._checkpoint.image_token_id,) * family.token_count(self.side, self.side)
        chain, unsafe, safe = deciding_tokens(layout.tree, self._card.answer.unsafe)
        shared, own = layout.shared, layout.own
        if any(isinstance(run, ImageSegment) for run in shared):
            shared, own = (), (*shared, *own)
        read, asked = (
            [token for run in runs for token in (marks if isinstance(run, ImageSegment) else run)]
            for runs in (shared, own)
        )
        ids = torch.tensor([*asked, *chain], device=model.device)[None]
        kept = _read(model, read)
        given = family.inputs([family.prepare(blank)])
        views, sizes = given["pixel_values"].shape[1], given["image_sizes"].to(model.device)
        settings = self._settings
        mean, std = (
            torch.tensor(values, device=model.device)[:, None, None]
            for values in (settings.image_mean, settings.image_std)
        )

        def score(pictures: Tensor) -> Tensor:
            count = len(pictures)
            normal = (pictures.to(model.device) * settings.rescale_factor - mean) / std
            out: Any = model(
                input_ids=ids.expand(count, -1),
                attention_mask=ids.new_ones(count, len(read) + ids.shape[1]),
                past_key_values=_for_each(kept, count),
                pixel_values=normal[:, None].expand(-1, views, -1, -1, -1),
                image_sizes=sizes.expand(count, -1),
                logits_to_keep=1,
                use_cache=True,
            )
            last = out.logits[:, -1].float()
            odds: Tensor = last[:, list(unsafe)].logsumexp(-1) - last[:, list(safe)].logsumexp(-1)
            return odds.to(pictures.device)

        return score


def _read(model: Any, tokens: Sequence[int]) -> DynamicCache:
    """Read once what stands before the picture, the same for all."""
    kept = DynamicCache()
    if tokens:
        with torch.no_grad():
            ids = torch.tensor([*tokens], device=model.device)[None]
            model(input_ids=ids, past_key_values=kept, use_cache=True, logits_to_keep=1)
    return kept


def _for_each(kept: DynamicCache, count: int) -> DynamicCache:
    """Return keys and values that so many pictures can go on from; what is kept stays as it is."""
    cache = DynamicCache()
    layers: Sequence[Any] = kept.layers
    for number, layer in enumerate(layers):
        cache.update(layer.keys.expand(count, -1, -1, -1), layer.values.expand(count, -1, -1, -1), number)
    return cache


def over_views(
    score: Callable[[Tensor], Tensor], pixels: Callable[[Image.Image], Tensor], views: Sequence[View] = VIEWS
) -> Callable[[Tensor], Tensor]:
    """Return the log-odds of the mean over the views that `AveragingEngine` asks about, to be followed.

    `pixels` prepares a view as the guard does. What is scored are the views themselves. The way back leads through what
    comes near them where they have no slope: through the medians of torch, through a bilinear enlargement, and for JPEG
    through the picture itself (Athalye, Carlini and Wagner, 2018, arXiv 1802.00420).
    """

    def mean(pictures: Tensor) -> Tensor:
        odds = torch.stack([score(_seen(view, pictures, pixels)) for view in views])
        unsafe, safe = (torch.nn.functional.logsigmoid(sign * odds) for sign in (1, -1))
        return unsafe.logsumexp(0) - safe.logsumexp(0)

    return mean


def _seen(view: View, pictures: Tensor, pixels: Callable[[Image.Image], Tensor]) -> Tensor:
    """Return a view of pictures, with a way back to their pixels."""
    near = _NEAR.get(view, _itself)(pictures)
    exact = torch.stack([pixels(view(_image(picture))) for picture in pictures.detach()])
    return near + (exact - near).detach()


def _itself(pictures: Tensor) -> Tensor:
    return pictures


def _mirrored(pictures: Tensor) -> Tensor:
    return pictures.flip(-1)


def _medians(pictures: Tensor) -> Tensor:
    around = torch.nn.functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    return around.unfold(2, 3, 1).unfold(3, 3, 1).flatten(-2).median(-1).values


def _nearer(pictures: Tensor) -> Tensor:
    side = pictures.shape[-1]
    edge = side // 20
    middle = pictures[..., edge : side - edge, edge : side - edge]
    return torch.nn.functional.interpolate(middle, size=(side, side), mode="bilinear", align_corners=False)


_NEAR: dict[View, Callable[[Tensor], Tensor]] = {mirrored: _mirrored, without_specks: _medians, nearer: _nearer}
"""What has a slope and comes near a view; for others that is the picture itself."""


def make_pictures(
    source: str,
    targets: Iterable[Target],
    progress: Callable[[], None] = lambda: None,
    averaged: bool = False,
    steps: int = STEPS,
) -> None:
    """Make what is missing of the pictures against a guard, or against its mean over views, in so many steps a budget.

    One after the other for growing budgets: each search begins where that of the smaller one ended. A picture that
    cannot be read is left out; nothing is written for it, and whoever asks about it gets a failure.
    """
    waiting: dict[str, list[Target]] = {}
    for target in targets:
        if target.made:
            progress()
        else:
            waiting.setdefault(target.policy.hash, []).append(target)
    attacked = PixelScore(source) if waiting else None
    for group in waiting.values():
        assert attacked is not None
        single = attacked.under(group[0].policy)
        score = over_views(single, attacked.pixels) if averaged else single
        for start in range(0, len(group), AT_ONCE):
            _make(attacked, score, group[start : start + AT_ONCE], steps)
            for _ in group[start : start + AT_ONCE]:
                progress()


def _make(attacked: PixelScore, score: Callable[[Tensor], Tensor], targets: Sequence[Target], steps: int) -> None:
    decoded = [decode(target.image) for target in targets]
    readable = [
        (target, attacked.pixels(found.frames[0].pixels))
        for target, found in zip(targets, decoded, strict=True)
        if not isinstance(found, Failure)
    ]
    if not readable:
        return
    clean = torch.stack([pixels for _, pixels in readable])
    sign = torch.tensor([1.0 if target.raise_score else -1.0 for target, _ in readable])
    at = clean
    for level, budget in enumerate(BUDGETS):
        at = projected_gradient(lambda pictures: sign * score(pictures), clean, budget, steps, at)
        for (target, _), picture in zip(readable, at, strict=True):
            _save(picture, target.files[level])


def _save(picture: Tensor, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    _image(picture.detach()).save(unfinished, "PNG")
    unfinished.replace(file)


def _image(picture: Tensor) -> Image.Image:
    levels = picture.clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(levels)


def deciding_tokens(tree: AnswerTree, unsafe: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the tokens of an answer before its rating is decided, those that then mean Unsafe, and those Safe.

    Raises:
        ValueError: when no single token decides.
    """
    for number, branch in enumerate(tree.branches):
        ratings: list[set[bool]] = [set() for _ in branch.options]
        for leaf in tree.leaves:
            for place, option in leaf.choices:
                if place == number:
                    ratings[option].add(dict(leaf.labels)[RATING] == unsafe)
        if all(len(said) == 1 for said in ratings) and len(set().union(*ratings)) == 2:
            chain: list[int] = []
            node = branch.node
            while node != ROOT:
                chain.append(tree.tokens[node])
                node = tree.parents[node]
            means_unsafe = [next(iter(said)) for said in ratings]
            return (
                tuple(reversed(chain)),
                tuple(token for token, bad in zip(branch.options, means_unsafe, strict=True) if bad),
                tuple(token for token, bad in zip(branch.options, means_unsafe, strict=True) if not bad),
            )
    raise ValueError("no token of the answer decides between Safe and Unsafe")


def _text(checkpoint: LoadedCheckpoint, tokens: PromptTokens) -> ModelText:
    return ModelText(
        chat=lambda messages: render_chat(checkpoint, messages),
        image_token=checkpoint.image_token,
        special_tokens=tokens.special_tokens,
        unknown_words=tokens.unknown_words,
        answer_lead=answer_lead(checkpoint),
    )
