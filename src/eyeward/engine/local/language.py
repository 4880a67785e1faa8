"""Runs the language model of a checkpoint over new tokens, with a memory of what rows have behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from eyeward.engine.local.attention import NAME, KeysKept, Memory, Prefix
from eyeward.engine.local.families import ImageTokens

BLOCKED = float("-inf")

Run = tuple[int, ...] | ImageTokens
"""Tokens of text, or an image."""


class Language:
    """The language model of any family. All methods want `torch.inference_mode`."""

    def __init__(self, model: Any, axes: int = 1) -> None:
        """Take transformers' model; `axes` is how many position numbers its tokens have."""
        self._layers = model.model.language_model
        self._layers.config._attn_implementation = NAME
        self._embed = model.get_input_embeddings()
        head: Any = model.get_output_embeddings()
        self._weight: Tensor = head.weight
        self._bias: Tensor | None = head.bias
        self._axes = axes
        self.device = self._embed.weight.device
        self.dtype = self._weight.dtype

    def ids(self, rows: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        """Put whole numbers on the model's device."""
        return torch.tensor(rows, device=self.device)

    def embed(self, ids: Tensor) -> Tensor:
        """Give the embeddings [rows, tokens, width] of token ids [rows, tokens]."""
        embeddings: Tensor = self._embed(ids.to(self.device))
        return embeddings

    def memory(self, prefix: Prefix | None) -> Memory:
        """Begin a memory behind a prefix."""
        return Memory(prefix, self._layers.config.num_hidden_layers)

    def prefix(self, runs: Sequence[Run]) -> Prefix:
        """Compute the keys and values of text and images."""
        if not runs:
            return Prefix()
        memory = self.memory(None)
        parts = [run.features if isinstance(run, ImageTokens) else self._embed(self.ids(run)) for run in runs]
        embeddings = torch.cat([part.to(device=self.device, dtype=self.dtype) for part in parts])[None]
        positions, end = self.positions(runs, 0)
        self.remember(embeddings, positions[:, None], memory)
        return memory.as_prefix(end)

    def remember(self, embeddings: Tensor, positions: Tensor, memory: Memory) -> None:
        """Add the keys and values of new tokens to a memory; nothing is computed that only their answers would need."""
        try:
            self._forward(embeddings, positions, memory, None, keys_only=True)
        except KeysKept:
            memory.length += embeddings.shape[1]

    def run(self, embeddings: Tensor, positions: Tensor, memory: Memory, seen: Tensor) -> Tensor:
        """Run new tokens [rows, tokens, width] at positions [axes, rows, tokens]; return their final hidden states.

        `seen`, bool [rows or 1, tokens, own tokens], says which of the rows' own tokens each new one sees, new ones
        included; the prefix is seen by all.
        """
        mask = torch.zeros(len(seen), 1, *seen.shape[1:], dtype=self.dtype, device=self.device)
        mask.masked_fill_(~seen[:, None].to(self.device), BLOCKED)
        hidden = self._forward(embeddings, positions, memory, mask, keys_only=False)
        memory.length += embeddings.shape[1]
        return hidden.to(self.device)

    def _forward(
        self, embeddings: Tensor, positions: Tensor, memory: Memory, mask: Tensor | None, keys_only: bool
    ) -> Tensor:
        memory.keys_only = keys_only
        positions = positions.to(self.device)
        out = self._layers(
            inputs_embeds=embeddings,
            position_ids=positions[0] if len(positions) == 1 else positions,
            use_cache=False,
            memory=memory,
            mask=mask,
        )
        hidden: Tensor = out.last_hidden_state
        return hidden

    def positions(self, runs: Sequence[Run], start: int) -> tuple[Tensor, int]:
        """Return the positions [axes, tokens] of what begins at `start`, and the position of what follows."""
        parts = [torch.zeros(self._axes, 0, dtype=torch.long)]
        for run in runs:
            if isinstance(run, ImageTokens):
                parts.append(run.places + start)
                start += run.span
            else:
                parts.append(torch.arange(start, start + len(run)).expand(self._axes, -1))
                start += len(run)
        return torch.cat(parts, dim=1), start

    def in_line(self, positions: Tensor) -> Tensor:
        """Give positions of text [rows, tokens] one number for each axis."""
        return positions.expand(self._axes, *positions.shape)

    def logits(self, states: Tensor, options: Sequence[int] | None = None) -> Tensor:
        """Score tokens after states [rows, width], in float32."""
        weight, bias = self._weight, self._bias
        states = states.to(weight.device)
        if options is not None:
            chosen = self.ids(options).to(weight.device)
            weight, bias = weight[chosen], None if bias is None else bias[chosen]
        logits: Tensor = states.to(weight.dtype) @ weight.T if options is None else states.float() @ weight.float().T
        return (logits.float() if bias is None else logits.float() + bias.float()).to(self.device)
