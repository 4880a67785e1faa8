"""Checkpoints load whole or not at all, whatever layout they were published in."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from eyeward.engine.local.checkpoint import find_folder, load_checkpoint
from eyeward.engine.local.image_features import encode_images
from eyeward.engine.local.preparation import image_token_count, prepare_image
from eyeward.errors import CheckpointError
from tests.engine.local.tiny import IMAGE, Naming, make_checkpoint, write_json

WEIGHTS = "model.safetensors"


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize("tied", [True, False])
def test_every_tensor_arrives_under_every_naming(tmp_path: Path, naming: Naming, tied: bool) -> None:
    saved = make_checkpoint(tmp_path, naming=naming, tied=tied).state_dict()
    loaded = load_checkpoint(tmp_path).model.state_dict()
    assert loaded.keys() == saved.keys()
    for name, tensor in saved.items():
        assert torch.equal(tensor, loaded[name]), name
    same = torch.equal(loaded["lm_head.weight"], loaded["model.language_model.embed_tokens.weight"])
    assert same is tied
