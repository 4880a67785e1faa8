"""Runs a checkpoint of any known family in this process with PyTorch."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from eyeward.engine.local import matmul_attention, packed_linear
from eyeward.engine.local.attention import Prefix
from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.engine.local.decoding import Decoder
from eyeward.engine.local.families import ImageTokens
from eyeward.engine.local.first_choice import FirstChoice
from eyeward.engine.local.scoring import Row
from eyeward.engine.local.tokens import Layout, PromptTokens
from eyeward.engine.protocol import Capabilities, ImageSegment, Prompt, RawAnswer
from eyeward.engine.recent import Recent
from eyeward.errors import CheckpointError, ErrorType
from eyeward.verdict import Failure

if TYPE_CHECKING:
    from PIL import Image

REMEMBERED_PREFIXES = 8
"""Policies whose keys and values are kept for the next call."""


WORKING_MEMORY = 2 * 2**30
"""Bytes that one pass of the language model may need beside its weights, about."""

REUSED_BYTES = 16 * 2**20
"""On a CPU, bytes of the widest states of a pass that only scores. The C library gives memory of more than 32 MiB back
at once, and every page that is taken anew costs a fault: a third of the time of a pass of eight long rows."""


@dataclass(frozen=True)
class _Seen:
    """An image as the language model reads it, and the features that were asked for."""

    tokens: ImageTokens
    features: tuple[float, ...]


class LocalEngine:
    """One model on one device. Deterministic: the same prompts in the same batches give the same answers."""

    def __init__(self, checkpoint: LoadedCheckpoint, batch_size: int = 16, memory_bytes: int = WORKING_MEMORY) -> None:
        """Take a checkpoint; `memory_bytes` is about what one pass may need beside the weights."""
        self._checkpoint = checkpoint
        self._batch_size = batch_size
        self.tokens = PromptTokens(checkpoint.tokenizer, checkpoint.image_token_id)
        self._decoder = Decoder(checkpoint.model, self.tokens, checkpoint.family.axes)
        self._prefixes: Recent[tuple[tuple[int, ...] | ImageSegment, ...], Prefix] = Recent(REMEMBERED_PREFIXES)
        vision = getattr(checkpoint.model.model, "vision_tower", None)
        packed_linear.pack(checkpoint.model.model)
        if vision is not None and matmul_attention.pays(checkpoint.model.get_input_embeddings().weight):
            vision.config._attn_implementation = matmul_attention.NAME
        text: Any = checkpoint.model.config.text_config
        self._tokens_at_once = max(1, memory_bytes // _bytes_per_token(text, checkpoint.model.dtype))
        self._scored_at_once = self._tokens_at_once
        if checkpoint.model.device.type == "cpu":
            widest = text.intermediate_size * checkpoint.model.dtype.itemsize
            self._scored_at_once = max(1, min(self._tokens_at_once, REUSED_BYTES // widest))
        length = int(text.max_position_embeddings)
        window = getattr(text, "sliding_window", None)
        if window is not None and window < length and getattr(text, "use_sliding_window", True):
            raise CheckpointError(
                f"The language model of {checkpoint.folder} sees {window} tokens at a time (sliding window); "
                "the local engine does not run such models. Serve it with vLLM instead."
            )
        self.capabilities = Capabilities(
            label_scores=True,
            constrained_text=True,
            shared_prefix=True,
            images_per_prompt=8,
            context_length=length,
            arithmetic=f"{str(self.dtype).removeprefix('torch.')} on {checkpoint.model.device.type}",
        )

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        dtype: torch.dtype = self._checkpoint.model.dtype
        return dtype

    def judge(self, prompts: Sequence[Prompt]) -> Iterator[RawAnswer]:
        """Yield one answer per prompt, in order; what goes wrong is in the answer."""
        seen: dict[int, _Seen] = {}
        batches = [prompts[start : start + self._batch_size] for start in range(0, len(prompts), self._batch_size)]
        with ThreadPoolExecutor(1, thread_name_prefix="eyeward-prepare") as pool:
            ahead = deque(pool.submit(self._prepare, batch) for batch in batches[:1])
            for number, batch in enumerate(batches):
                prepared = ahead.popleft().result()
                if number + 1 < len(batches):
                    ahead.append(pool.submit(self._prepare, batches[number + 1]))
                yield from self._judge_batch(batch, seen, prepared)
                coming = {id(image) for later in batches[number + 1 :] for prompt in later for image in prompt.images}
                seen = {key: value for key, value in seen.items() if key in coming}

    def first_choice(self, prompt: Prompt) -> FirstChoice:
        """Say what the model would write for the first label, were nothing forced; what goes wrong is raised."""
        with torch.inference_mode():
            seen: dict[int, _Seen] = {}
            self._see([prompt], seen, {})
            layout = self.tokens.layout(prompt)
            pictures = [seen[id(image)].tokens for image in prompt.images]
            row = Row(prompt, layout, pictures, self.capabilities.context_length)
            return self._decoder.first_choice(self._prefix(prompt, layout, seen), row)

    def _prepare(self, prompts: Sequence[Prompt]) -> dict[int, Any]:
        """Make images ready for the model, by identity; what cannot be is left out and fails when its turn comes."""
        ready: dict[int, Any] = {}
        for prompt in prompts:
            for image in prompt.images:
                if id(image) not in ready:
                    with suppress(Exception):
                        ready[id(image)] = self._checkpoint.family.prepare(image)
        return ready

    def _judge_batch(
        self, prompts: Sequence[Prompt], seen: dict[int, _Seen], prepared: Mapping[int, Any]
    ) -> list[RawAnswer]:
        try:
            with torch.inference_mode():
                self._see(prompts, seen, prepared)
                return self._answers(prompts, seen)
        except Exception as error:
            if len(prompts) > 1:
                half = len(prompts) // 2
                return [
                    answer
                    for part in (prompts[:half], prompts[half:])
                    for answer in self._judge_batch(part, seen, prepared)
                ]
            return [RawAnswer(error=_failure(error))]

    def _answers(self, prompts: Sequence[Prompt], seen: dict[int, _Seen]) -> list[RawAnswer]:
        most = self.capabilities.context_length
        layouts = [self.tokens.layout(prompt) for prompt in prompts]
        answers: list[RawAnswer | None] = [None] * len(prompts)
        groups: dict[tuple[object, ...], list[tuple[int, Row]]] = {}
        for number, (prompt, layout) in enumerate(zip(prompts, layouts, strict=True)):
            row = Row(prompt, layout, [seen[id(image)].tokens for image in prompt.images], most)
            if row.whole_length > most:
                answers[number] = RawAnswer(error=_too_long(row.whole_length, most))
            else:
                groups.setdefault(_shared_by(prompt, layout), []).append((number, row))
        for group in groups.values():
            prefix = self._prefix(prompts[group[0][0]], layouts[group[0][0]], seen)
            for part in self._parts(group):
                for (number, row), answer in zip(
                    part, self._decoder.answer(prefix, [row for _, row in part]), strict=True
                ):
                    images = row.prompt.images
                    features = seen[id(images[0])].features if images and row.prompt.feature_layers else ()
                    answers[number] = replace(answer, features=features)
        assert all(answer is not None for answer in answers)
        return [answer for answer in answers if answer is not None]

    def _parts(self, group: list[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
        """Split rows so that those of about one length run together, as many as the memory is for."""
        part: list[tuple[int, Row]] = []
        written = any(row.prompt.explain for _, row in group)  # rows that write are quicker side by side
        most = self._tokens_at_once if written else self._scored_at_once
        for pair in sorted(group, key=lambda pair: pair[1].length):
            if part and (len(part) + 1) * pair[1].length > most:
                yield part
                part = []
            part.append(pair)
        yield part

    def _see(self, prompts: Sequence[Prompt], seen: dict[int, _Seen], prepared: Mapping[int, Any]) -> None:
        """Run the vision tower once over each new image; images are told apart by identity."""
        images: dict[int, Image.Image] = {
            id(image): image for prompt in prompts for image in prompt.images if id(image) not in seen
        }
        layers = {prompt.feature_layers for prompt in prompts if prompt.feature_layers}
        if len(layers) > 1:
            raise ValueError("prompts of one batch ask for different vision layers")
        if not images:
            return
        family = self._checkpoint.family
        ready = [prepared[key] if key in prepared else family.prepare(image) for key, image in images.items()]
        tokens, states = family.encode(self._checkpoint.model, ready, next(iter(layers)) if layers else ())
        features = states.tolist() if layers else [[]] * len(ready)
        seen.update({key: _Seen(t, tuple(f)) for key, t, f in zip(images, tokens, features, strict=True)})

    def _prefix(self, prompt: Prompt, layout: Layout, seen: dict[int, _Seen]) -> Prefix:
        texts = [run for run in layout.shared if isinstance(run, tuple)]
        if len(texts) == len(layout.shared):
            return self._prefixes.get_or_make(layout.shared, lambda: self._decoder.prefix(texts))
        return self._decoder.prefix(
            [run if isinstance(run, tuple) else seen[id(prompt.images[run.index])].tokens for run in layout.shared]
        )


def memory_of(device: torch.device) -> int | None:
    """Return the bytes of memory that a device has in all; None where it does not say."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return None


def _bytes_per_token(text: Any, dtype: torch.dtype) -> int:
    """Estimate what a token needs in a pass: a layer's widest states, and its keys and values of all layers."""
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kept = 2 * text.num_hidden_layers * text.num_key_value_heads * size
    return int((3 * text.intermediate_size + 8 * text.hidden_size + kept) * dtype.itemsize)


def _shared_by(prompt: Prompt, layout: Layout) -> tuple[object, ...]:
    """Return what is equal for prompts with the same prefix."""
    return tuple(run if isinstance(run, tuple) else id(prompt.images[run.index]) for run in layout.shared)


def _too_long(length: int, most: int) -> Failure:
    return Failure(
        type=ErrorType.internal,
        message=f"Prompt and image have {length:,} tokens; the model reads at most {most:,}. Shorten the policy.",
    )


def _failure(error: Exception) -> Failure:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return Failure(type=ErrorType.internal, message="The device has no memory left for this image and policy.")
    return Failure(type=ErrorType.internal, message=f"The engine failed: {type(error).__name__}: {error}.")
