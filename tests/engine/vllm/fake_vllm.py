"""A stand-in for the package vllm: its `LLM`, over the model of a tiny checkpoint, one prompt at a time."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from eyeward.engine.local.checkpoint import LoadedCheckpoint, load_checkpoint
from eyeward.engine.local.families import reference

RATIONALE = "A banner, seen from afar."


@dataclass
class SamplingParams:
    """The fields that Eyeward uses; others are an error, as in vLLM."""

    temperature: float
    max_tokens: int
    logprob_token_ids: list[int] | None = None
    detokenize: bool = True
    structured_outputs: Any = None


@dataclass
class StructuredOutputsParams:
    """What an answer must look like."""

    regex: str


@dataclass
class LLM:
    """Answers from real logits; `calls` are the prompts of each call, `written` is its free text."""

    arguments: dict[str, Any]
    calls: list[list[dict[str, Any]]] = field(default_factory=list)
    parameters: list[SamplingParams] = field(default_factory=list)
    written: str = RATIONALE
    names_tokens: bool = True
    longest: int = 4096
    finish_reason: str = "length"

    def __post_init__(self) -> None:
        """Load the checkpoint; what vLLM stumbles over is an error here, too."""
        folder = Path(self.arguments["model"])
        self.checkpoint: LoadedCheckpoint = load_checkpoint(folder, dtype="float32", device="cpu")
        self.model_config = SimpleNamespace(max_model_len=self.arguments.get("max_model_len", self.longest))

    def generate(
        self, prompts: Sequence[dict[str, Any]], parameters: Sequence[SamplingParams], use_tqdm: bool
    ) -> list[Any]:
        """Answer all, or raise for one that is too long, as vLLM does."""
        assert not use_tqdm and len(prompts) == len(parameters)
        for prompt in prompts:
            if len(prompt["prompt_token_ids"]) > self.model_config.max_model_len:
                raise ValueError("The decoder prompt is longer than the maximum model length.")
        self.calls.append(list(prompts))
        self.parameters += parameters
        return [self._one(prompt, wanted) for prompt, wanted in zip(prompts, parameters, strict=True)]

    def _one(self, prompt: dict[str, Any], wanted: SamplingParams) -> Any:
        output = SimpleNamespace(text="", token_ids=[0], finish_reason=self.finish_reason, logprobs=None)
        answer = SimpleNamespace(outputs=[output], prompt_token_ids=prompt["prompt_token_ids"], num_cached_tokens=2)
        if wanted.structured_outputs is not None:
            output.text, output.finish_reason = self._text(wanted.structured_outputs.regex), "stop"
        elif self.names_tokens:
            logs = torch.log_softmax(self._logits(prompt), dim=-1)
            named = {token: SimpleNamespace(logprob=float(logs[token])) for token in wanted.logprob_token_ids or ()}
            output.logprobs = [{**named, 0: SimpleNamespace(logprob=float(logs[0]))}]
        return answer

    def _text(self, regex: str) -> str:
        """Write the free text behind whatever of the forced text the regular expression still wants."""
        before = ': "'
        ways = [before[place:] + self.written + end for place in range(len(before) + 1) for end in ('"}', '"\n}')]
        return next((way for way in ways if re.fullmatch(regex, way)), self.written)

    def _logits(self, prompt: dict[str, Any]) -> torch.Tensor:
        model: Any = self.checkpoint.model
        images = [*prompt.get("multi_modal_data", {}).get("image", [])]
        assert len(images) == len(prompt.get("multi_modal_uuids", {}).get("image", []))
        rows = []
        for token in prompt["prompt_token_ids"]:
            if token == self.checkpoint.image_token_id:
                prepared = self.checkpoint.family.prepare(images.pop(0))
                rows.append(reference(self.checkpoint.family, model, prepared))
            else:
                rows.append(model.get_input_embeddings()(torch.tensor([token])))
        assert not images
        with torch.inference_mode():
            hidden = model.model.language_model(inputs_embeds=torch.cat(rows)[None]).last_hidden_state
            logits: torch.Tensor = model.lm_head(hidden[0, -1])
        return logits


def install(patch: pytest.MonkeyPatch, made: list[LLM] | None = None, **changes: Any) -> None:
    """Put the stand-in where `import vllm` finds it; every `LLM` that is made goes into `made`."""

    def make(**arguments: Any) -> LLM:
        llm = LLM(arguments, **changes)
        if made is not None:
            made.append(llm)
        return llm

    package, parameters = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    package.__spec__ = ModuleSpec("vllm", None)
    vars(package).update(LLM=make, SamplingParams=SamplingParams)
    vars(parameters).update(StructuredOutputsParams=StructuredOutputsParams)
    patch.setitem(sys.modules, "vllm", package)
    patch.setitem(sys.modules, "vllm.sampling_params", parameters)
