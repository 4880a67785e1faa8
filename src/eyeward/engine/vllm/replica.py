"""One vLLM with its own copy of the weights: questions of plain tokens and images in, what it said out."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

from eyeward.engine.protocol import TokenCounts
from eyeward.engine.vllm.settings import IMAGES_PER_PROMPT, VllmSettings
from eyeward.errors import MissingExtra

if TYPE_CHECKING:
    from pathlib import Path


_WHOLE = ("stop", "length")
"""How vLLM says that it wrote all that was asked for; anything else is a failure of its own."""


@dataclass(frozen=True)
class Question:
    """What comes after some tokens and images."""

    tokens: tuple[int, ...]
    """One image token stands for each image."""
    images: tuple[Image.Image, ...]
    """In the order in which they stand in the prompt."""
    image_keys: tuple[str, ...]
    """Equal for equal pixels: what vLLM knows the images by."""
    options: tuple[int, ...] = ()
    """Tokens whose log-probabilities are wanted."""
    regex: str | None = None
    """What is to be written, instead."""
    most_tokens: int = 1


@dataclass(frozen=True)
class Said:
    """What vLLM said to one question, or why it did not."""

    log_probabilities: Mapping[int, float] = field(default_factory=dict)
    text: str = ""
    cut: bool = False
    tokens: TokenCounts = TokenCounts()
    error: str | None = None


class Replica(Protocol):
    """One copy of the weights."""

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may have."""
        ...

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        """Answer questions together; what goes wrong with one of them is in its answer."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


@dataclass(frozen=True)
class Model:
    """What a replica loads; plain data, so that it can be sent to another process."""

    folder: Path
    dtype: str
    settings: VllmSettings
    with_video: bool
    """Whether the family reads videos, too, which are switched off."""


class LlmReplica:
    """vLLM's `LLM` in this process."""

    def __init__(self, model: Model) -> None:
        """Load the weights.

        Raises:
            MissingExtra: when vLLM is not installed.
        """
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        try:
            import vllm
            from vllm.sampling_params import StructuredOutputsParams
        except ImportError as error:
            raise MissingVllm from error
        self._sampling: Any = vllm.SamplingParams
        self._structured: Any = StructuredOutputsParams
        self._llm: Any = vllm.LLM(**_arguments(model))

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may have."""
        return int(self._llm.model_config.max_model_len)

    def ask(self, questions: Sequence[Question]) -> list[Said]:
        """Ask together; when that fails, ask in halves, so that one bad question costs only itself."""
        if not questions:
            return []
        try:
            answers = self._llm.generate(
                [_prompt(question) for question in questions],
                [self._parameters(question) for question in questions],
                use_tqdm=False,
            )
            return [_said(question, answer) for question, answer in zip(questions, answers, strict=True)]
        except Exception as error:
            if len(questions) == 1:
                return [Said(error=f"{type(error).__name__}: {error}")]
            half = len(questions) // 2
            return [*self.ask(questions[:half]), *self.ask(questions[half:])]

    def close(self) -> None:
        """Stop vLLM's own processes."""
        core = getattr(getattr(self._llm, "llm_engine", None), "engine_core", None)
        if core is not None:
            core.shutdown()

    def _parameters(self, question: Question) -> Any:
        if question.regex is None:
            return self._sampling(
                temperature=0.0, max_tokens=1, logprob_token_ids=list(question.options), detokenize=False
            )
        return self._sampling(
            temperature=0.0,
            max_tokens=question.most_tokens,
            structured_outputs=self._structured(regex=question.regex),
        )


class MissingVllm(MissingExtra):
    """vLLM is not installed here; its pins of PyTorch and transformers want an environment of their own."""

    def __init__(self) -> None:
        super().__init__("vllm", "Running a guard with vLLM")
        self.args = (
            f"{self.args[0]}. vLLM pins PyTorch and other packages, so give it an environment of its own: python3 -m "
            "venv vllm-env && vllm-env/bin/pip install 'eyeward[vllm]'; without a GPU see docs/vllm.md.",
        )


def _arguments(model: Model) -> dict[str, Any]:
    settings = model.settings
    media = {"image": IMAGES_PER_PROMPT, **({"video": 0} if model.with_video else {})}
    chosen = {
        "max_model_len": settings.longest,
        "max_num_seqs": settings.most_at_once,
        "kv_cache_memory_bytes": settings.cache_bytes,
    }
    return {
        "model": str(model.folder),
        "dtype": model.dtype,
        "seed": 0,
        "enable_prefix_caching": True,
        "generation_config": "vllm",
        "logprobs_mode": "raw_logprobs",
        "limit_mm_per_prompt": media,
        "gpu_memory_utilization": settings.memory_share,
        "enforce_eager": settings.eager,
        "disable_log_stats": True,
        **{name: value for name, value in chosen.items() if value is not None},
    }


def _prompt(question: Question) -> dict[str, Any]:
    prompt: dict[str, Any] = {"prompt_token_ids": list(question.tokens)}
    if question.images:
        prompt["multi_modal_data"] = {"image": list(question.images)}
        prompt["multi_modal_uuids"] = {"image": list(question.image_keys)}
    return prompt


def _said(question: Question, answer: Any) -> Said:
    written = answer.outputs[0]
    if written.finish_reason not in _WHOLE:
        return Said(error=f"it broke the answer off ({written.finish_reason})")
    cached = answer.num_cached_tokens or 0
    counts = TokenCounts(len(answer.prompt_token_ids or ()) - cached, cached, len(written.token_ids))
    if question.regex is not None:
        return Said(text=written.text, cut=written.finish_reason == "length", tokens=counts)
    named = written.logprobs[0] if written.logprobs else {}
    return Said(
        log_probabilities={
            token: float(named[token].logprob)
            for token in question.options
            if token in named and not math.isnan(named[token].logprob)
        },
        tokens=counts,
    )
