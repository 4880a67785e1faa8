"""What a model would write, were nothing forced, is what transformers' own model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from tests.engine.local.families.checkpoints import make_qwen
from tests.engine.local.families.processing import inputs, noise
from tests.engine.local.families.questions import ask


def test_the_mass_of_labels_is_that_of_transformers(tmp_path: Path) -> None:
    make_qwen(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    engine = LocalEngine(checkpoint)
    prompt = ask(checkpoint, noise(1, 70, 50))
    found = engine.first_choice(prompt)

    given: Any = inputs(checkpoint, prompt)
    tree = engine.tokens.layout(prompt).tree
    branch = tree.branches[0]
    path: list[int] = []
    node = branch.node
    while node >= 0:
        path.insert(0, tree.tokens[node])
        node = tree.parents[node]
    given["input_ids"] = torch.cat((given["input_ids"], torch.tensor([path])), dim=1)
    given["attention_mask"] = torch.ones_like(given["input_ids"])
    if "mm_token_type_ids" in given:
        more = torch.zeros(1, len(path), dtype=given["mm_token_type_ids"].dtype)
        given["mm_token_type_ids"] = torch.cat((given["mm_token_type_ids"], more), dim=1)
    with torch.inference_mode():
        expected = checkpoint.model(**given).logits[0, -1].double().softmax(-1)
    assert found.tokens == len(expected)
    assert found.mass == pytest.approx(float(expected[list(branch.options)].sum()), rel=1e-3)
    assert found.entropy == pytest.approx(float(-(expected * expected.log()).sum()), rel=1e-3)
    spelled = engine.tokens.spelling()
    best = int(expected.argmax())
    assert found.likeliest == ((spelled[best] if best < len(spelled) else None) or b"").decode("utf-8", "replace")
