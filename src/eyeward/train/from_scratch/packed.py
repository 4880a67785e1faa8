"""One policy followed by many images, computed as if each image had its own copy of the policy.

The prefix (policy) runs once; every suffix (image and answer) attends to it and to itself. The result equals separate
causal sequences, and gradients of all suffixes flow into the shared prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Qwen2Model


@dataclass(frozen=True)
class PackedStates:
    """Final hidden states, and what the pointer loss reads."""

    prefix: Tensor
    """[policies, prefix tokens, width]"""
    suffix: Tensor
    """[policies, images, suffix tokens, width]"""
    attention: Tensor
    """Log-weights of the pointer layer, points to prefix: [policies, images, points, heads, prefix tokens]"""
    read_prefix: Tensor
    """What the pointer layer reads: its input at the prefix, [policies, prefix tokens, width]"""
    read_points: Tensor
    """and at the points, [policies, images, points, width]"""


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    return x * cos + turned * sin


def packed_forward(
    model: Qwen2Model,
    prefix: Tensor,
    prefix_lengths: Tensor,
    suffix: Tensor,
    points: Tensor,
    pointer_layer: int,
) -> PackedStates:
    """Run a Qwen2 stack on packed policies.

    prefix: embeddings [policies, prefix tokens, width], padded on the right to a common length;
    prefix_lengths: [policies]; suffix: embeddings [policies, images, suffix tokens, width], padded on the right, which
    is harmless since attention is causal; points: [policies, images, points], positions whose attention is given.
    """
    policies, prefix_tokens, width = prefix.shape
    images, suffix_tokens = suffix.shape[1], suffix.shape[2]
    heads = model.config.num_attention_heads
    size = width // heads
    device = prefix.device

    prefix_positions = torch.arange(prefix_tokens, device=device).expand(policies, -1)
    suffix_positions = prefix_lengths[:, None] + torch.arange(suffix_tokens, device=device)
    cos_p, sin_p = (t[:, None].to(prefix.dtype) for t in model.rotary_emb(prefix, prefix_positions))
    cos_s, sin_s = (
        t[:, None, None].expand(-1, images, -1, -1, -1).flatten(0, 1).to(prefix.dtype)
        for t in model.rotary_emb(prefix, suffix_positions)
    )
    seen = torch.arange(prefix_tokens, device=device) < prefix_lengths[:, None]
    unseen = _blocked(~seen[:, None, None, :], prefix.dtype)
    later = _blocked(torch.ones(suffix_tokens, suffix_tokens, dtype=torch.bool, device=device).triu(1), prefix.dtype)
    future = _blocked(torch.ones(prefix_tokens, prefix_tokens, dtype=torch.bool, device=device).triu(1), prefix.dtype)
    scale = size**-0.5

    def split(x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], heads, size).transpose(1, 2)

    hidden_p, hidden_s = prefix, suffix.flatten(0, 1)
    log_weights = read_prefix = read_points = prefix.new_empty(0)
    layers: Any = model.layers
    for number, layer in enumerate(layers):
        attention = layer.self_attn
        normed_p, normed_s = layer.input_layernorm(hidden_p), layer.input_layernorm(hidden_s)
        query_p = _rotate(split(attention.q_proj(normed_p)), cos_p, sin_p)
        key_p = _rotate(split(attention.k_proj(normed_p)), cos_p, sin_p)
        value_p = split(attention.v_proj(normed_p))
        query_s = _rotate(split(attention.q_proj(normed_s)), cos_s, sin_s)
        key_s = _rotate(split(attention.k_proj(normed_s)), cos_s, sin_s)
        value_s = split(attention.v_proj(normed_s))
        if number == pointer_layer:
            log_weights = _pointer_log_weights(query_s, key_p, key_s, points, seen)
            at = points.flatten(0, 1)[..., None].expand(-1, -1, width)
            read_prefix, read_points = hidden_p, hidden_s.gather(1, at).unflatten(0, (policies, images))
        out_p = ((query_p * scale) @ key_p.mT + future).softmax(-1) @ value_p
        out_s = _shared_attention(query_s * scale, key_p, value_p, key_s, value_s, unseen, later)
        hidden_p = hidden_p + attention.o_proj(out_p.transpose(1, 2).flatten(2))
        hidden_s = hidden_s + attention.o_proj(out_s.transpose(1, 2).flatten(2))
        hidden_p = hidden_p + layer.mlp(layer.post_attention_layernorm(hidden_p))
        hidden_s = hidden_s + layer.mlp(layer.post_attention_layernorm(hidden_s))
    return PackedStates(
        prefix=model.norm(hidden_p),
        suffix=model.norm(hidden_s).unflatten(0, (policies, images)),
        attention=log_weights,
        read_prefix=read_prefix,
        read_points=read_points,
    )


def _blocked(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(mask, float("-inf"))


def _shared_attention(
    query: Tensor, key_p: Tensor, value_p: Tensor, key_s: Tensor, value_s: Tensor, unseen: Tensor, later: Tensor
) -> Tensor:
    """Attend from suffixes [policies x images, heads, tokens, size] to their prefix and themselves, in one softmax."""
    policies, prefix_tokens = key_p.shape[0], key_p.shape[2]
    images, tokens = query.shape[0] // policies, query.shape[2]

    def gather(x: Tensor) -> Tensor:
        return x.unflatten(0, (policies, images)).transpose(1, 2).flatten(2, 3)

    def scatter(x: Tensor) -> Tensor:
        return x.unflatten(2, (images, tokens)).transpose(1, 2).flatten(0, 1)

    to_prefix = gather(query) @ key_p.mT + unseen
    to_own = gather(query @ key_s.mT + later)
    weights = torch.cat((to_prefix, to_own), dim=-1).softmax(-1)
    return scatter(weights[..., :prefix_tokens] @ value_p) + scatter(weights[..., prefix_tokens:]) @ value_s


def _pointer_log_weights(query: Tensor, key_p: Tensor, key_s: Tensor, points: Tensor, seen: Tensor) -> Tensor:
    policies, images, count = points.shape
    heads, size = query.shape[1], query.shape[3]
    at = points.flatten(0, 1)[:, None, :, None].expand(-1, heads, -1, size)
    asked = query.gather(2, at).unflatten(0, (policies, images)).float() * size**-0.5
    to_prefix = torch.einsum("pnhqd,phkd->pnqhk", asked, key_p.float())
    to_prefix = to_prefix.masked_fill(~seen[:, None, None, None, :], float("-inf"))
    to_self = torch.einsum("pnhqd,pnhkd->pnqhk", asked, key_s.unflatten(0, (policies, images)).float())
    later = torch.arange(key_s.shape[2], device=query.device) > points[..., None]
    to_self = to_self.masked_fill(later[:, :, :, None, :], float("-inf"))
    both = torch.cat((to_prefix, to_self), dim=-1).log_softmax(-1)
    return both[..., : key_p.shape[2]]
