"""Small videos of grey frames, drawn by the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SIDE = 32
RATE = 10
"""Frames a second."""


def film(
    file: Path, *tracks: Sequence[int], rate: int = RATE, side: int = SIDE, options: Mapping[str, str] | None = None
) -> Path:
    """Write a video; each track is the levels of its frames, one after the other. The fake guard minds bright ones."""
    file.parent.mkdir(parents=True, exist_ok=True)
    container: Any
    with av.open(str(file), "w", options=dict(options or {})) as container:
        streams = [container.add_stream("mpeg4", rate=rate) for _ in tracks]
        for stream in streams:
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
        for stream, levels in zip(streams, tracks, strict=True):
            for number, level in enumerate(levels):
                pixels = np.full((side, side, 3), level, np.uint8)
                frame: Any = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return file


def cut_film(file: Path, levels: Sequence[int], share: float = 0.6) -> Path:
    """Write a video that breaks off: its head, which comes first, tells of more frames than there are."""
    film(file, levels, options={"movflags": "faststart"})
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    return file


def boastful_film(file: Path, levels: Sequence[int], frames: int) -> Path:
    """Write an AVI whose head promises so many frames, whatever there are."""
    film(file, levels)
    content = bytearray(file.read_bytes())
    length = content.index(b"strh") + 40
    content[length : length + 4] = frames.to_bytes(4, "little")
    file.write_bytes(content)
    return file


def sound(file: Path) -> Path:
    """Write a second of silence, without a picture."""
    container: Any
    with av.open(str(file), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame: Any = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def ghost(file: Path) -> Path:
    """Write a video of one frame that nobody sees: black, and transparent all over."""
    container: Any
    with av.open(str(file), "w") as container:
        stream = container.add_stream("png", rate=RATE)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "rgba"
        frame: Any = av.VideoFrame.from_ndarray(np.zeros((SIDE, SIDE, 4), np.uint8), format="rgba")
        frame.pts, frame.time_base = 0, Fraction(1, RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def turned(file: Path) -> Path:
    """Write a video whose camera was held on its side: bright at the right, which is the top once it is upright."""
    pixels = np.zeros((SIDE, 2 * SIDE, 3), np.uint8)
    pixels[:, SIDE:] = 250
    container: Any
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 2 * SIDE, SIDE, "yuv420p"
        stream.set_display_rotation(90)
        frame: Any = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file
