"""Pictures of scene graphs: the graph alone decides every pixel."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from eyeward.scenes.canvas import Canvas, FlatPen, Pen
from eyeward.scenes.facts import Context
from eyeward.scenes.graph import SceneGraph, Style
from eyeward.scenes.ink import InkPen, paper_grain
from eyeward.scenes.painters import backgrounds, contexts
from eyeward.scenes.painters.motifs import MOTIF_PAINTERS
from eyeward.scenes.painters.things import DISTRACTOR_PAINTERS

SUPERSAMPLING = 2
_MARGIN = 0.005
_SMALLEST_ENCLOSED = 0.34
_LARGEST_SHARED = 0.42
"""Scale of a context around two motifs: tall pages lose a little of their edges, for the sake of larger motifs."""
_STRETCH = (0.92, 1.0)


def paint(graph: SceneGraph, size: int = 224) -> Image.Image:
    """Draw a scene as an RGB image of `size` by `size` pixels.

    What would leave the picture is moved or shrunk until it fits; contexts keep a scale of at least 0.34 where there is
    room and turn half as far, so that their marks stay legible.
    """
    side = size * SUPERSAMPLING
    image = Image.new("RGB", (side, side), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    pen: Pen = FlatPen(draw) if graph.style is Style.FLAT else InkPen(draw, _stream(graph, "ink"), side)
    picture = Canvas(pen, _stream(graph, "background"), (side, 0, 0, 0, side, 0))
    backgrounds.PAINTERS[graph.background](picture)
    _distractors(picture, graph)
    if graph.second is not None:
        _two_motifs(picture, graph)
    else:
        _one_motif(picture, graph)
    return _weathered(image.reduce(SUPERSAMPLING), graph)


def _stream(graph: SceneGraph, part: str) -> Random:
    return Random(f"{graph.seed}/{part}")


def _with_stream(canvas: Canvas, graph: SceneGraph, part: str) -> Canvas:
    return Canvas(canvas.pen, _stream(graph, part), canvas.matrix)


def _distractors(picture: Canvas, graph: SceneGraph) -> None:
    for index, item in enumerate(graph.distractors):
        place = picture.at(item.x, item.y, item.scale, -item.rotation)
        DISTRACTOR_PAINTERS[item.kind](_with_stream(place, graph, f"distractor {index}"))


def _one_motif(picture: Canvas, graph: SceneGraph) -> None:
    layout = contexts.LAYOUTS[graph.context]
    frame = _fitted(picture, graph, layout)
    flip = graph.context is Context.BADGE and graph.mirrored
    around = _with_stream(frame, graph, "context")
    if graph.context is not Context.NONE:
        contexts.PAINTERS[graph.context](around.at(0, 0, 1, mirrored=flip))
    x = -layout.motif_x if flip else layout.motif_x
    inside = _with_stream(frame.at(x, layout.motif_y, layout.motif_scale, mirrored=graph.mirrored), graph, "motif")
    MOTIF_PAINTERS[graph.motif](inside.stretched(inside.random.uniform(*_STRETCH)), graph.slots)


def _fitted(picture: Canvas, graph: SceneGraph, layout: contexts.Layout) -> Canvas:
    rotation = graph.rotation if graph.context in (Context.NONE, Context.BADGE) else graph.rotation / 2
    turn = math.radians(rotation)
    cosine, sine = abs(math.cos(turn)), abs(math.sin(turn))
    reach_x = layout.half_width * cosine + layout.half_height * sine
    reach_y = layout.half_height * cosine + layout.half_width * sine
    smallest = 0 if graph.context is Context.NONE else _SMALLEST_ENCLOSED
    scale = min(max(graph.scale, smallest), (0.5 - _MARGIN) / max(reach_x, reach_y))
    x = min(max(graph.x, scale * reach_x + _MARGIN), 1 - scale * reach_x - _MARGIN)
    y = min(max(graph.y, scale * reach_y + _MARGIN), 1 - scale * reach_y - _MARGIN)
    return picture.at(x, y, scale, -rotation)


def _two_motifs(picture: Canvas, graph: SceneGraph) -> None:
    second = graph.second
    assert second is not None
    layout = contexts.LAYOUTS[graph.context]
    inside = picture
    if graph.context is not Context.NONE:
        scale = min(_LARGEST_SHARED, (0.5 - _MARGIN) / layout.half_width)
        frame = picture.at(0.5, 0.5, scale)
        contexts.PAINTERS[graph.context](_with_stream(frame, graph, "context"))
        room = frame.at(layout.motif_x, layout.motif_y, layout.motif_scale)
        inside = room.at(-1, -1, 2)
    first_place = inside.at(graph.x, graph.y, graph.scale, -graph.rotation, graph.mirrored)
    MOTIF_PAINTERS[graph.motif](_with_stream(first_place, graph, "motif"), graph.slots)
    second_place = inside.at(second.x, second.y, second.scale)
    MOTIF_PAINTERS[second.motif](_with_stream(second_place, graph, "second"), second.slots)


def _weathered(image: Image.Image, graph: SceneGraph) -> Image.Image:
    random = np.random.default_rng(graph.seed)
    pixels = np.asarray(image, dtype=np.float32) * np.asarray(graph.tint, dtype=np.float32)
    if graph.style is Style.INK:
        pixels *= paper_grain(random, image.width)
    if graph.noise > 0:
        pixels += random.standard_normal(pixels.shape, dtype=np.float32) * np.float32(graph.noise * 255)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
