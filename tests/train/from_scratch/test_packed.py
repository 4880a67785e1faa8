"""Packing changes the speed of training, never what is computed."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen2Config, Qwen2Model

from eyeward.train.from_scratch.packed import packed_forward

WIDTH = 32


@pytest.fixture(scope="module")
def model() -> Qwen2Model:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=8,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    return Qwen2Model(config).eval()


def test_every_suffix_is_computed_as_if_it_followed_its_own_copy_of_the_prefix(model: Qwen2Model) -> None:
    torch.manual_seed(1)
    prefix, suffix = torch.randn(2, 9, WIDTH), torch.randn(2, 3, 5, WIDTH)
    lengths = torch.tensor([9, 6])
    with torch.no_grad():
        packed = packed_forward(model, prefix, lengths, suffix, torch.zeros(2, 3, 1, dtype=torch.long), 1)
        for policy, length in enumerate(lengths.tolist()):
            for image in range(3):
                whole = torch.cat((prefix[policy, :length], suffix[policy, image]))[None]
                alone = model(inputs_embeds=whole).last_hidden_state[0]
                torch.testing.assert_close(packed.suffix[policy, image], alone[length:], atol=1e-5, rtol=1e-5)
                torch.testing.assert_close(packed.prefix[policy, :length], alone[:length], atol=1e-5, rtol=1e-5)


def test_gradients_of_all_suffixes_flow_into_the_prefix(model: Qwen2Model) -> None:
    prefix = torch.randn(1, 4, WIDTH, requires_grad=True)
    suffix = torch.randn(1, 2, 3, WIDTH)
    packed = packed_forward(model, prefix, torch.tensor([4]), suffix, torch.zeros(1, 2, 1, dtype=torch.long), 1)
    (both,) = torch.autograd.grad(packed.suffix.sum(), prefix, retain_graph=True)
    (first,) = torch.autograd.grad(packed.suffix[:, 0].sum(), prefix, retain_graph=True)
    (second,) = torch.autograd.grad(packed.suffix[:, 1].sum(), prefix)
    torch.testing.assert_close(both, first + second, atol=1e-4, rtol=1e-4)
    assert second.abs().max() > 0


def test_the_pointer_weights_are_the_attention_of_that_layer(model: Qwen2Model) -> None:
    torch.manual_seed(2)
    prefix, suffix = torch.randn(1, 6, WIDTH), torch.randn(1, 1, 4, WIDTH)
    whole = torch.cat((prefix[0], suffix[0, 0]))[None]
    model.set_attn_implementation("eager")
    with torch.no_grad():
        packed = packed_forward(model, prefix, torch.tensor([6]), suffix, torch.tensor([[[2]]]), 1)
        attentions = model(inputs_embeds=whole, output_attentions=True).attentions
    torch.testing.assert_close(packed.attention[0, 0, 0].exp(), attentions[1][0, :, 8, :6], atol=1e-5, rtol=1e-5)
