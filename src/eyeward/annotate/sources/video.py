"""Pictures out of video files, sampled by time, one at a time: what cannot be read to its end is an error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from PIL import Image

from eyeward.annotate.footage import Footage
from eyeward.errors import ErrorType, ImageError, MissingExtra, UsageError
from eyeward.images.limits import Limits
from eyeward.images.reading import printable

SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".m2ts", ".flv", ".ogv"),
    *(".wmv", ".asf"),
)
"""What is taken for a video in a folder."""
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,ogg,asf"
"""The allow-list. Without it FFmpeg also takes play lists for videos, and opens the files and addresses in them."""
_TIMED = ("mov", "avi")
"""Formats that tell how long each track is; of others the packets are counted."""
FRAMES = 8
_SEEK_SECONDS = 10.0
"""A gap that is jumped over rather than decoded."""
_MISSING_SECONDS = 1.0
"""So much may be missing at the end: headers are not exact."""


@dataclass(frozen=True)
class Sampling:
    """Which pictures of a video are judged: so many, evenly spread, or one every so many seconds; always the last."""

    frames: int | None = FRAMES
    every: float | None = None
    """Seconds."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: with the mend in it.
        """
        if (self.frames is None) == (self.every is None):
            raise UsageError("Pictures of videos are taken by their number or by seconds; name one of the two.")
        if self.frames is not None and self.frames < 2:
            raise UsageError(f"Two pictures of a video at least are judged, the first and the last; not {self.frames}.")
        if self.every is not None and not 0 < self.every < math.inf:
            raise UsageError(f"Pictures of a video lie more than 0 seconds apart, not {self.every:g}.")

    def step(self, seconds: float) -> float:
        """Return the seconds between two pictures of a video of this length."""
        if self.every is not None:
            return self.every
        assert self.frames is not None
        return max(seconds / (self.frames - 1), 1e-6)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture of a video."""

    seconds: float
    """When it is shown, from the first picture on."""
    picture: Image.Image
    is_next: bool
    """Whether no picture before it was passed over."""


def stills(footage: Footage, sampling: Sampling, limits: Limits) -> Iterator[Still]:
    """Yield the pictures of a video that are judged, upright, in their order; of several tracks one after the other.

    Raises:
        ImageError: when there are none, when there are too many, or when the video breaks off or is damaged; pictures
            that came before were good.
        MissingExtra: without PyAV.
    """
    name = printable(footage.name)
    track, tracks, taken = 0, 1, 0
    while track < tracks:
        with _opened(footage, name, limits) as container:
            tracks = len(container.streams.video)
            if not tracks:
                raise ImageError(ErrorType.unsupported_format, f"{name} holds no video.")
            for still in _Track(container, container.streams.video[track], footage, name, limits).stills(sampling):
                taken += 1
                if taken > limits.max_frames_total:
                    raise ImageError(
                        ErrorType.too_many_pixels,
                        f"More than {limits.max_frames_total:,} pictures of {name} would be judged; take fewer.",
                    )
                yield still
        track += 1


def pyav() -> Any:
    """Import PyAV.

    Raises:
        MissingExtra: when it is not installed.
    """
    try:
        return import_module("av")
    except ModuleNotFoundError as missing:
        raise MissingExtra("video", "Judging videos") from missing


@contextmanager
def _opened(footage: Footage, name: str, limits: Limits) -> Iterator[Any]:
    """Open a video; whatever goes wrong until it is closed is an `ImageError`."""
    av = pyav()
    known = False
    try:
        with footage.open() as stream:
            if not stream.read(1):
                raise ImageError(ErrorType.unreadable, f"{name} is empty: it has 0 bytes.")
            stream.seek(0)
            with av.open(
                stream,
                options={"max_pixels": str(2 * limits.max_pixels)},  # what is above says no size to refuse it by
                container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "none"},
                metadata_errors="replace",
            ) as container:
                known = True
                yield container
    except av.FFmpegError as problem:
        said = " ".join(str(getattr(problem, "strerror", None) or problem).split()).rstrip(".")
        if not known:
            message = f"{name} is not a video in a format that is read ({said})."
            raise ImageError(ErrorType.unsupported_format, message) from problem
        raise ImageError(ErrorType.unreadable, f"{name} is damaged: {said}.") from problem
    except (OSError, ValueError) as problem:
        said = getattr(problem, "strerror", None) or str(problem)
        raise ImageError(ErrorType.unreadable, f"{name} cannot be read: {said}.") from problem


class _Track:
    """One of the tracks with pictures, decoded from its start on; memory holds a picture or two."""

    def __init__(self, container: Any, stream: Any, footage: Footage, name: str, limits: Limits) -> None:
        self._container = container
        self._stream = stream
        self._footage = footage
        self._name = name
        self._limits = limits
        self._is_cover = bool(stream.disposition & import_module("av.stream").Disposition.attached_pic)
        """Whether it is one picture that stands for the whole, and has no time."""

    def stills(self, sampling: Sampling) -> Iterator[Still]:
        context = self._stream.codec_context
        if context is None:
            raise ImageError(ErrorType.unsupported_format, f"{self._name} is coded in a way that is not read.")
        self._limits.check_pixels(self._name, (context.width, context.height))
        context.options = {"max_pixels": str(self._limits.max_pixels)}
        promised = 0.0 if self._is_cover else self._seconds()
        step = sampling.step(promised)
        begun: float | None = None
        due = end = 0.0
        last: tuple[float, Any] | None = None
        """The picture before, where it was passed over."""
        passed_over = 0
        """Pictures since the last one that was judged; more than one where some were not even read."""
        frames = self._container.decode(self._stream)
        while (frame := next(frames, None)) is not None:
            shown = self._shown(frame)
            begun = shown if begun is None else begun
            at = max(0.0, shown - begun)
            end = max(end, at + self._lasts(frame))
            if at < due - 1e-6:
                last, passed_over = (at, frame), passed_over + 1
                continue
            yield self._still(at, frame, passed_over == 0)
            last, passed_over = None, 0
            due = step * (math.floor(at / step + 1e-6) + 1)
            goal = min(due, promised - _MISSING_SECONDS)
            if goal - at > _SEEK_SECONDS and self._sought(begun + goal):
                frames, passed_over = self._container.decode(self._stream), 2
        if begun is None:
            raise ImageError(ErrorType.unreadable, f"{self._name} holds no picture that can be read.")
        if last is not None:
            yield self._still(*last, passed_over == 1)
        if end + _MISSING_SECONDS < promised:
            raise ImageError(ErrorType.truncated, f"{self._name} breaks off after {end:.1f} of {promised:.1f} seconds.")

    def _seconds(self) -> float:
        """Return how long the track is: as the file tells, or else as its packets do."""
        told = self._stream.duration
        if told and self._stream.time_base and self._container.format.name.startswith(_TIMED):
            return float(told * self._stream.time_base)
        first, end = math.inf, -math.inf
        with _opened(self._footage, self._name, self._limits) as container:
            stream = container.streams[self._stream.index]
            for packet in container.demux(stream):
                if packet.pts is not None:
                    first = min(first, packet.pts)
                    end = max(end, packet.pts + (packet.duration or 0))
            return float((end - first) * stream.time_base) if end >= first else 0.0

    def _sought(self, seconds: float) -> bool:
        """Jump to a picture from which the one at a time can be decoded; return whether that was possible."""
        try:
            self._container.seek(int(seconds / self._stream.time_base), stream=self._stream)
        except pyav().FFmpegError:
            return False  # nothing has moved: what lies between is decoded
        return True

    def _shown(self, frame: Any) -> float:
        if frame.time is None and not self._is_cover:
            raise ImageError(ErrorType.unreadable, f"{self._name} does not tell when its pictures are shown.")
        return frame.time or 0.0

    def _lasts(self, frame: Any) -> float:
        return float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0

    def _still(self, at: float, frame: Any, is_next: bool) -> Still:
        if frame.is_corrupt:
            raise ImageError(ErrorType.unreadable, f"{self._name} is damaged at {at:.1f} seconds.")
        self._limits.check_pixels(self._name, (frame.width, frame.height))
        if any(component.is_alpha for component in frame.format.components):
            picture = Image.fromarray(frame.to_ndarray(format="rgba"))
        else:
            picture = frame.to_image()
        turned = getattr(frame, "rotation", 0) % 360
        return Still(round(at, 3), picture.rotate(turned, expand=True) if turned else picture, is_next)
