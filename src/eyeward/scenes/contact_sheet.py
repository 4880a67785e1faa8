"""One picture of many labelled scenes, to look them over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from eyeward.data.sample import Sample
from eyeward.verdict import Rating

MOST_SCENES = 100
_COLUMNS = 10
_CELL, _LINE, _GAP = 112, 14, 6
_INK = {Rating.Safe: (30, 120, 60), Rating.Unsafe: (180, 30, 30)}
_PAPER = (250, 250, 248)


def contact_sheet(folder: Path, labels: Sequence[Sample]) -> Image.Image:
    """Return the first hundred scenes of `folder` in rows of ten, each with its rating and category below."""
    shown = labels[:MOST_SCENES]
    columns = max(1, min(_COLUMNS, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    step = (_CELL + _GAP, _CELL + _LINE + _GAP)
    sheet = Image.new("RGB", (columns * step[0] + _GAP, rows * step[1] + _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=10)
    for number, label in enumerate(shown):
        x, y = _GAP + number % columns * step[0], _GAP + number // columns * step[1]
        with Image.open(folder / label.image) as image:
            sheet.paste(image.convert("RGB").resize((_CELL, _CELL), Image.Resampling.LANCZOS), (x, y))
        ids = " ".join(category.partition(":")[0] for category in label.categories)
        pen.text((x, y + _CELL), f"{label.rating} {ids}", fill=_INK[label.rating], font=font)
    return sheet
