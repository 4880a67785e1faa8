"""The scene graph: everything that a picture of the drawn world is made from, and nothing about any policy.

Places are in picture coordinates: x to the right and y down, both from 0 to 1. `scale` is the half-extent of a motif or
distractor in the same unit (a motif of scale 0.4 spans 0.8 of the picture), `rotation` is in degrees, anticlockwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType

from eyeward.errors import UsageError
from eyeward.scenes.facts import Context


class Style(StrEnum):
    """A way of drawing; `ink` is kept for testing and never occurs in training."""

    FLAT = "flat"
    INK = "ink"


BACKGROUNDS: tuple[str, ...] = ("plain", "horizon", "gradient", "stripes", "dots", "room", "hills", "street")
"""What stands behind a motif; decides nothing."""

DISTRACTORS: tuple[str, ...] = (
    "star", "ball", "flower", "cloud", "tree", "cup", "book", "lamp", "leaf", "circle", "square", "triangle",
)  # fmt: skip
"""Small neutral things beside a motif; decide nothing."""


@dataclass(frozen=True)
class Distractor:
    """A small neutral thing beside the motif."""

    kind: str
    x: float
    y: float
    scale: float
    rotation: float


@dataclass(frozen=True)
class SecondMotif:
    """Another motif in the same picture, upright and under the same context."""

    motif: str
    slots: Mapping[str, str]
    x: float
    y: float
    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", MappingProxyType(dict(self.slots)))

    def __hash__(self) -> int:
        return hash((self.motif, tuple(sorted(self.slots.items())), self.x, self.y, self.scale))

    def __reduce__(self) -> tuple[type[SecondMotif], tuple[object, ...]]:
        return SecondMotif, (self.motif, dict(self.slots), self.x, self.y, self.scale)


@dataclass(frozen=True)
class SceneGraph:
    """One picture before it is drawn. `seed` feeds what painters vary on their own (hair, folds, grain)."""

    seed: int
    motif: str
    slots: Mapping[str, str]
    context: Context
    style: Style
    background: str
    x: float
    y: float
    scale: float
    rotation: float
    mirrored: bool
    distractors: tuple[Distractor, ...] = ()
    noise: float = 0.0
    """Standard deviation of the grain, as a share of the full range of a channel."""
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factor for each of red, green and blue."""
    second: SecondMotif | None = field(default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", MappingProxyType(dict(self.slots)))

    def __hash__(self) -> int:
        return hash((self.seed, self.motif, self.context, self.x, self.y, self.scale))

    def __reduce__(self) -> tuple[Callable[[str], SceneGraph], tuple[str]]:
        return SceneGraph.from_json, (self.to_json(),)

    def to_record(self) -> dict[str, object]:
        """Return plain JSON values, keys in the order of the fields."""
        record: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "distractors":
                value = [asdict(distractor) for distractor in self.distractors]
            elif item.name == "second" and self.second is not None:
                value = {key.name: getattr(self.second, key.name) for key in fields(self.second)}
                value["slots"] = dict(self.second.slots)
            elif item.name == "slots":
                value = dict(self.slots)
            elif item.name == "tint":
                value = list(self.tint)
            elif isinstance(value, StrEnum):
                value = value.value
            record[item.name] = value
        return record

    def to_json(self) -> str:
        """Return one line of JSON, the same for equal graphs."""
        return json.dumps(self.to_record(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> SceneGraph:
        """Read what `to_json` wrote.

        Raises:
            UsageError: for anything that is not a scene graph.
        """
        try:
            values = json.loads(text)
            second = values.pop("second", None)
            red, green, blue = values.pop("tint")
            return cls(
                context=Context(values.pop("context")),
                style=Style(values.pop("style")),
                distractors=tuple(Distractor(**item) for item in values.pop("distractors")),
                tint=(red, green, blue),
                second=None if second is None else SecondMotif(**second),
                **values,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise UsageError(f"This is not a scene graph as `SceneGraph.to_json` writes it: {problem}.") from problem
