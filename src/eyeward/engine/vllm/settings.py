"""How vLLM is to run a checkpoint."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

IMAGES_PER_PROMPT = 8


class VllmSettings(BaseModel):
    """What vLLM is told; everything else is its own default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    batch: int = Field(default=1024, ge=1)
    """Prompts that are handed to vLLM together; it makes its own batches of them."""
    memory_share: float = Field(default=0.9, gt=0.0, le=1.0)
    """Share of a GPU's memory that vLLM takes (`gpu_memory_utilization`)."""
    cache_bytes: int | None = Field(default=None, ge=2**20)
    """Room for keys and values (`kv_cache_memory_bytes`); None: what vLLM finds."""
    longest: int | None = Field(default=None, ge=1)
    """Most tokens of a prompt and its answer (`max_model_len`); None: what the checkpoint says."""
    most_at_once: int | None = Field(default=None, ge=1)
    """Most prompts in one of vLLM's batches (`max_num_seqs`); None: its default."""
    eager: bool = False
    """Without compilation and CUDA graphs (`enforce_eager`): starts sooner, runs slower."""
