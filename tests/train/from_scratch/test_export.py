"""A checkpoint that training writes is read by transformers and by servers as it is."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from transformers import LlavaOnevisionForConditionalGeneration

from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.train.from_scratch.architecture import Architecture
from eyeward.train.from_scratch.export import write_checkpoint
from eyeward.train.from_scratch.tokenizer import build_tokenizer

SMALL = Architecture(image_size=32, vision_width=64, vision_layers=2, text_width=64, text_layers=2, text_hidden=64)


def test_the_tensors_have_published_names_and_load_as_they_were(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(['{"rating": "Unsafe"}'])
    model = LlavaOnevisionForConditionalGeneration(SMALL.config(tokenizer))
    write_checkpoint(model, tokenizer, tmp_path, SMALL.context_length)
    with safe_open(tmp_path / "model.safetensors", "pt") as tensors:
        names = set(tensors.keys())
    tower = {name for name in names if name.startswith("vision_tower.")}
    assert tower and all(name.startswith("vision_tower.vision_model.") for name in tower)
    assert "language_model.model.embed_tokens.weight" in names and "image_newline" in names
    assert [file.name for file in tmp_path.glob("*.renamed")] == []
    trained, loaded = model.state_dict(), load_checkpoint(tmp_path, dtype="bfloat16").model.state_dict()
    assert trained.keys() == loaded.keys()
    assert all(trained[name].to(torch.bfloat16).equal(loaded[name]) for name in trained)
