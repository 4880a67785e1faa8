"""`import eyeward` stays light, and so do the parts that need no model."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

import eyeward

HEAVY = {"torch", "transformers", "safetensors", "tokenizers", "huggingface_hub", "ray", "diffusers", "fastapi", "vllm"}


def loaded_by(statement: str) -> tuple[float, set[str]]:
    """Return the seconds that a fresh interpreter computes for a statement, and the top-level modules it then has."""
    program = (
        "import json, sys, time\n"
        "start = time.process_time()\n"
        f"{statement}\n"
        "seconds = time.process_time() - start\n"
        "print(json.dumps([seconds, sorted({name.partition('.')[0] for name in sys.modules})]))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(answer.stdout)
    return seconds, set(modules)


def test_import_eyeward_takes_less_than_0_3_seconds_and_loads_nothing_heavy() -> None:
    runs = [loaded_by("import eyeward") for _ in range(3)]
    assert min(seconds for seconds, _ in runs) < 0.3
    assert not runs[0][1] & (HEAVY | {"PIL", "numpy", "pydantic", "yaml", "rich", "typer"})


@pytest.mark.parametrize("part", ["eyeward.policy", "eyeward.images", "eyeward.verdict", "eyeward.errors"])
def test_policy_images_and_verdict_load_no_model_library(part: str) -> None:
    assert not loaded_by(f"import {part}")[1] & HEAVY


def test_the_guards_are_named_and_loaded_without_a_model_library() -> None:
    assert not loaded_by("from eyeward import Guard, Request, load_guard")[1] & HEAVY


@pytest.mark.parametrize("name", eyeward.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    value = getattr(eyeward, name)
    assert value is getattr(import_module(eyeward._HOME[name]), name)
    assert name in dir(eyeward)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Polizy'"):
        _ = eyeward.Polizy
