"""The losses of a run as a picture: one SVG file, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 320, 56, 36
_STYLE = (
    "text{font:12px sans-serif;fill:#444}.axis{stroke:#999;fill:none}.train{stroke:#2a6fdb;fill:none;opacity:.45}"
    ".smooth{stroke:#2a6fdb;stroke-width:2;fill:none}.held{stroke:#d9622b;stroke-width:2;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}svg{background:#161616}}"
)
_SMOOTHED = 0.05
"""Share of a run over which its losses are averaged."""


def write_curve(file: Path, history: Sequence[Mapping[str, float]], title: str) -> None:
    """Draw the losses of training and of held-out samples by step, as the trainer logged them."""
    train = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    held_out = [(entry["step"], entry["eval_loss"]) for entry in history if "eval_loss" in entry]
    if not train:
        return
    last = max(step for step, _ in (*train, *held_out))
    highest = max(sorted(loss for _, loss in train)[int(len(train) * 0.98)], *(loss for _, loss in held_out), 1e-9)
    parts = [
        f'<path class="axis" d="M{_LEFT},10V{_HEIGHT - _BOTTOM}H{_WIDTH - 10}"/>',
        *(_label(highest * share, share) for share in (0.0, 0.5, 1.0)),
        f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 18}" text-anchor="end">{last:,.0f} steps</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{escape(title)}: loss; blue in training, orange held out</text>',
    ]
    for name, points in (("train", train), ("smooth", _smooth(train)), ("held", held_out)):
        places = " ".join(f"{_x(step, last):.1f},{_y(loss, highest):.1f}" for step, loss in points)
        parts.append(f'<polyline class="{name}" points="{places}"/>')
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"><style>{_STYLE}</style>'
    file.write_text(f"{opening}{''.join(parts)}</svg>\n", encoding="utf-8")


def _smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    count = max(1, int(len(points) * _SMOOTHED))
    return [
        (points[end][0], sum(loss for _, loss in points[max(0, end - count + 1) : end + 1]) / min(count, end + 1))
        for end in range(len(points))
    ]


def _label(value: float, share: float) -> str:
    return f'<text x="{_LEFT - 6}" y="{_y(share, 1.0) + 4:.0f}" text-anchor="end">{value:.2g}</text>'


def _x(step: float, last: float) -> float:
    return _LEFT + step / max(last, 1.0) * (_WIDTH - 10 - _LEFT)


def _y(loss: float, highest: float) -> float:
    return 10 + (1 - min(loss / highest, 1.0)) * (_HEIGHT - _BOTTOM - 10)
