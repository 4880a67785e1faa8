"""Guards whose weights vLLM runs in this process, or in one process for each GPU."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeward.engine.vllm.processes import ProcessReplica
from eyeward.engine.vllm.replica import LlmReplica, MissingVllm, Model
from eyeward.engine.vllm.settings import VllmSettings
from eyeward.errors import CheckpointError, UsageError
from eyeward.guard.card import EyewardCard
from eyeward.guard.chat_template import FolderText, answer_lead, render_chat
from eyeward.guard.exporting import Target, export_guard
from eyeward.guard.guard import Guard
from eyeward.guard.identity import settings_of
from eyeward.guard.llavaguard import ModelText
from eyeward.guard.loading import rule_of
from eyeward.guard.profile import find_profile
from eyeward.guard.self_check import Subject
from eyeward.guard.tensor_names import published_name
from eyeward.verdict import ModelRef

if TYPE_CHECKING:
    import torch

_SMALL = 2**30
"""Bytes of weights up to which a copy that vLLM reads is made at once, where the folder's own names will not do."""
_WITH_VIDEO = frozenset({"llava_onevision", "qwen2_5_vl"})


def load_vllm(
    name: str | PathLike[str],
    settings: VllmSettings,
    folders: dict[str, Path],
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
) -> Subject:
    """Load a guard that vLLM runs here, with what a check needs; it is not checked yet.

    `auto` is all GPUs, each with its own copy of the weights in a process of its own; `cuda:1` is the second alone.

    Raises:
        MissingExtra: when vLLM is not installed.
        CheckpointError: when there is no such checkpoint, or vLLM cannot load it.
        UsageError: when there is no such device here.
    """
    if find_spec("vllm") is None:
        raise MissingVllm
    from eyeward.engine.local.checkpoint import find_folder, read_chat_template, sha256_of, weight_files
    from eyeward.engine.local.preparation import read_json
    from eyeward.engine.local.tokens import PromptTokens
    from eyeward.engine.vllm.engine import VllmEngine

    gpus = _gpus(str(device))
    folder, commit = find_folder(folders.get(str(name)) or name)
    config = read_json(folder / "config.json")
    card = EyewardCard.read(folder, None if Path(name).expanduser().is_dir() else str(name))
    text = FolderText(folder, _tokenizer(folder), read_chat_template(folder))
    image_token = config.get("image_token_index", config.get("image_token_id"))
    if not isinstance(image_token, int):
        raise CheckpointError(f"{folder / 'config.json'} does not say which token stands for an image.")
    tokens = PromptTokens(text.tokenizer, image_token)
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        revision = pool.submit(sha256_of, weight_files(folder))
        readable = _readable(folder, weight_files(folder), config, stack)
        model = Model(readable, _name_of(dtype), settings, config.get("model_type") in _WITH_VIDEO)
        replicas = _replicas(model, gpus)
        longest = min(replica.context_length for replica in replicas)
        engine = VllmEngine(replicas, tokens, image_token, longest, settings.batch, _arithmetic(dtype))
        weakref.finalize(engine, stack.pop_all().close)
        commit = commit or revision.result()
    words = ModelText(
        chat=lambda messages: render_chat(text, messages),
        image_token=str(text.tokenizer.convert_ids_to_tokens(image_token)),
        special_tokens=tokens.special_tokens,
        unknown_words=tokens.unknown_words,
        answer_lead=answer_lead(text),
    )
    guard = Guard(
        engine=engine,
        profile=find_profile(card.profile)(card, words),
        model=ModelRef(name=card.name, revision=commit, engine="vllm"),
        rule=rule_of(card),
        trained_to_judge=card.trained_to_judge,
        settings=settings_of(folder, card),
    )
    return Subject(guard, card, folder)


def _readable(folder: Path, weights: list[Path], config: dict[str, Any], stack: ExitStack) -> Path:
    """Return a folder that vLLM reads: this one, or a copy under published names that lies as long as `stack`."""
    faults = list(_faults(folder, weights, config))
    if not faults:
        return folder
    if sum(file.stat().st_size for file in weights) > _SMALL:
        raise CheckpointError(f"{faults[0]} Write a copy that it reads: eyeward models export {folder} DIR --for vllm")
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eyeward-vllm-")))
    return export_guard(folder, place / folder.name, Target.vllm).folder


def _faults(folder: Path, weights: list[Path], config: dict[str, Any]) -> Iterator[str]:
    """Say what vLLM would stumble over, after a minute and with a long trace."""
    from safetensors import safe_open

    rename = published_name(config)
    for file in weights:
        with safe_open(file, framework="np") as tensors:
            others = [name for name in tensors.keys() if _tower(rename(name)) != _tower(name)]  # noqa: SIM118
        if others:
            yield f"vLLM does not read the tensor names in {file}, such as {others[0]}."
    beside = sorted({file.name for file in folder.glob("*.safetensors")} - {file.name for file in weights})
    if beside:
        yield f"vLLM would take {', '.join(beside)} in {folder} for weights of the model."


def _tower(name: str) -> bool:
    """Whether a name is that of a tensor in a wrapped vision tower: all that vLLM is particular about."""
    return "vision_tower.vision_model." in name


def _replicas(model: Model, gpus: list[str]) -> list[LlmReplica] | list[ProcessReplica]:
    """Load the weights: in this process where there is nothing to choose, else on all GPUs at once."""
    if not gpus:
        try:
            return [LlmReplica(model)]
        except MissingVllm:
            raise
        except Exception as error:
            raise CheckpointError(f"vLLM could not load {model.folder}: {error}") from error
    started: list[ProcessReplica] = []
    try:
        started += [ProcessReplica(model, gpu) for gpu in gpus]
        for replica in started:
            replica.wait()
    except BaseException:
        for replica in started:
            replica.close()
        raise
    return started


def _gpus(device: str) -> list[str]:
    """Return the GPUs to use, as `CUDA_VISIBLE_DEVICES` names them; none where there is one device or no GPU at all."""
    import torch

    count = torch.cuda.device_count()
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    names = visible if len(visible) == count else [str(number) for number in range(count)]
    known = {"auto": names, "cuda": names[:1], **{f"cuda:{number}": [name] for number, name in enumerate(names)}}
    if not count:
        known = {"auto": [], "cpu": []}
    if device not in known:
        raise UsageError(f"vLLM cannot use the device {device!r} here; use one of {', '.join(known)}.")
    return [] if count < 2 else known[device]


def _arithmetic(dtype: str | torch.dtype) -> str:
    """Say what vLLM computes with, as far as it was told."""
    import torch

    return f"{_name_of(dtype)} on {'cuda' if torch.cuda.is_available() else 'cpu'}"


def _name_of(dtype: str | torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise CheckpointError(f"The tokenizer in {folder} cannot be loaded: {error}") from error
