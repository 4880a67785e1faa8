"""What share of the machine's matrix speed a scoring pass reaches, counted in operations that it needs."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from benchmarks.verdict_speed.large import SIZES, Setting, pictures, timed
from benchmarks.verdict_speed.table import ROUNDS, Ratio
from eyeward.policy import Policy

SIDE = 4096
"""Of the square matrices whose product is the ceiling."""
BAR = 0.7


def matrix_speed(device: str, dtype: torch.dtype) -> float:
    """Return the floating-point operations a second of one large matrix product."""
    first, second = (torch.randn(SIDE, SIDE, device=device, dtype=torch.float32).to(dtype) for _ in range(2))
    out = torch.empty(SIDE, SIDE, device=device, dtype=dtype)
    torch.mm(first, second, out=out)
    repeats = 2 if device == "cpu" else 50
    _wait(device)
    started = time.perf_counter()
    for _ in range(repeats):
        torch.mm(first, second, out=out)
    _wait(device)
    return repeats * 2 * SIDE**3 / (time.perf_counter() - started)


def copy_speed(device: str) -> float:
    """Return the bytes a second that a large copy reads and writes together."""
    source = torch.empty(256 * 2**20, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    _wait(device)
    started = time.perf_counter()
    for _ in range(5):
        target.copy_(source)
    _wait(device)
    return 5 * 2 * source.numel() / (time.perf_counter() - started)


def operations(config: Any, tiles: int, tokens: int, nodes: int) -> float:
    """Count what one image needs: `tiles` through the vision tower, `tokens` and then `nodes` through the rest.

    A multiplication and an addition are two. Causal attention counts the pairs that see each other; norms, activations
    and the rotary embedding are left out, and so is what the last layer need not do for tokens that are no branch.
    """
    vision, text = config.vision_config, config.text_config
    patches = (vision.image_size // vision.patch_size) ** 2
    width, inner = vision.hidden_size, vision.intermediate_size
    a_tile = vision.num_hidden_layers * (patches * 2 * (4 * width**2 + 2 * width * inner) + 4 * patches**2 * width)
    a_tile += patches * 2 * (3 * vision.patch_size**2 * width + width * text.hidden_size + text.hidden_size**2)
    size = text.hidden_size // text.num_attention_heads
    kept = text.hidden_size * 2 * text.num_key_value_heads * size
    rest = 2 * text.hidden_size**2 + 3 * text.hidden_size * text.intermediate_size
    layers = text.num_hidden_layers
    length = tokens + nodes
    dense = 2 * (tokens * (layers * kept + (layers - 1) * rest) + nodes * layers * (kept + rest))
    pairs = (layers - 1) * tokens**2 / 2 + layers * nodes * length
    return float(tiles * a_tile + dense + 4 * pairs * text.hidden_size)


def measure(setting: Setting) -> list[Ratio]:
    """Take turns between scoring passes and the large product, image first, so that nothing is shared."""
    guard = setting.guard(False)
    config = guard.engine._checkpoint.model.config
    question = guard.profile.question(Policy.load("default"))
    rows = []
    for kind, size in SIZES.items():
        prompts = [guard.profile.prompt(question, image, False, None) for image in pictures(size, setting.images)]
        counts = [answer.tokens for answer in guard.engine.judge(prompts)][0]
        nodes = len(guard.engine.tokens.layout(prompts[0]).tree.tokens) + 1
        tiles = 1 if kind == "square" else 2
        needed = operations(config, tiles, counts.computed + counts.cached - nodes, nodes)
        speeds, ceilings = [], []
        for _ in range(ROUNDS):
            ceilings.append(matrix_speed(setting.device, guard.engine.dtype))
            speeds.append(needed * len(prompts) / timed(guard.engine, prompts))
        ceilings.append(matrix_speed(setting.device, guard.engine.dtype))
        reached, ceiling = statistics.median(speeds), statistics.median(ceilings)
        print(
            f"{kind}: {needed / 1e12:.2f} TFLOP an image, {reached / 1e9:.0f} GFLOP/s of {ceiling / 1e9:.0f} "
            f"({', '.join(f'{c / 1e9:.0f}' for c in ceilings)}); copies {copy_speed(setting.device) / 1e9:.1f} GB/s"
        )
        rows.append(
            Ratio(
                f"{setting.shape}, scoring pass, {kind}",
                f"matrix product of {SIDE}",
                reached / ceiling,
                BAR,
                needed / reached,
                needed / ceiling,
            )
        )
    return rows


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
