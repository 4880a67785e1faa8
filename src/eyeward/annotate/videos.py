"""Videos before a guard: it judges their pictures, and the worst one counts.

Unsafe before an error, an error before Review, Review before Safe: a video of which a picture could not be read or
judged is never Safe, whatever the others are, and what was found Unsafe stays so.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from eyeward.annotate.judging import Judge
from eyeward.annotate.sources.video import Sampling, Still, stills
from eyeward.errors import ErrorType, EyewardError, ImageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.reading import printable
from eyeward.verdict import Failure, ModelRef, Note, Rating, Verdict

PIXELS_AT_ONCE = 50_000_000
"""Pixels of the pictures that lie in memory before they are judged."""
_VIDEOS_AT_ONCE = 100
_BADNESS = {Rating.Safe: 0, Rating.Review: 1, Rating.Unsafe: 2}
_PIECE = 1 << 20


class FrameVerdict(NamedTuple):
    """What was said of one picture; nothing where it could not be judged."""

    seconds: float
    p_unsafe: float | None
    rating: Rating | None


class VideoVerdict(Verdict):
    """What is said of a video: what was said of its worst picture, and of which."""

    worst_frame_seconds: float | None = None
    frames: tuple[FrameVerdict, ...] = ()


class Viewing:
    """A guard that is shown the pictures of videos. Requests name these by their paths."""

    def __init__(self, guard: Judge, sampling: Sampling, limits: Limits) -> None:
        """Take the guard, and say which pictures it is shown."""
        self._guard = guard
        self._sampling = sampling
        self._limits = limits

    @property
    def model(self) -> ModelRef:
        """The model of the guard."""
        return self._guard.model

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[VideoVerdict]:
        """Yield one verdict a request, in order. Requests in a row with the very same path share its decoding.

        Raises:
            EyewardError: when the guard does not give one verdict to each picture.
        """
        videos: list[_Video] = []
        waiting: list[tuple[_View, Still]] = []
        pixels = 0
        for _, group in groupby(requests, key=lambda request: id(request.image)):
            video = _Video([_View(request) for request in group])
            videos.append(video)
            for still in video.stills(self._sampling, self._limits):
                waiting += [(view, still) for view in video.views]
                pixels += still.picture.width * still.picture.height
                if pixels >= PIXELS_AT_ONCE:
                    self._judge(waiting)
                    yield from self._verdicts(videos[:-1])
                    videos, waiting, pixels = [video], [], 0
            if len(videos) >= _VIDEOS_AT_ONCE:
                self._judge(waiting)
                yield from self._verdicts(videos)
                videos, waiting, pixels = [], [], 0
        self._judge(waiting)
        yield from self._verdicts(videos)

    def _judge(self, waiting: Sequence[tuple[_View, Still]]) -> None:
        requests = [Request(still.picture, view.request.policy, False, view.request.key) for view, still in waiting]
        answers = list(self._guard.assess_requests(requests)) if requests else []
        if len(answers) != len(requests):
            raise EyewardError(
                f"The guard {self.model.name!r} gave {len(answers)} verdicts on {len(requests)} pictures of videos."
            )
        for (view, still), answer in zip(waiting, answers, strict=True):
            view.take(still, answer)

    def _verdicts(self, videos: Iterable[_Video]) -> Iterator[VideoVerdict]:
        for video in videos:
            for view in video.views:
                yield self._explained(view, view.verdict(self.model, video.sha256, video.failure, video.is_sampled))

    def _explained(self, view: _View, verdict: VideoVerdict) -> VideoVerdict:
        """Add what the guard writes about the worst picture, where it is asked to and says the same again."""
        if not view.request.explain or verdict.rating is None or view.picture is None:
            return verdict
        asked = Request(view.picture, view.request.policy, True, view.request.key)
        for answer in self._guard.assess_requests([asked]):
            if (answer.rating, answer.category) == (verdict.rating, verdict.category):
                return verdict.model_copy(update={"rationale": answer.rationale})
        return verdict


@dataclass
class _View:
    """One video under one policy: what was said so far."""

    request: Request
    told: list[FrameVerdict] = field(default_factory=list)
    worst: Verdict | None = None
    worst_seconds: float | None = None
    picture: Image.Image | None = None
    """The worst one, kept where it is to be explained."""
    failure: Failure | None = None
    seconds: float = 0.0

    def take(self, still: Still, verdict: Verdict) -> None:
        self.told.append(FrameVerdict(still.seconds, verdict.p_unsafe, verdict.rating))
        self.seconds += verdict.seconds or 0.0
        if verdict.error is not None and self.failure is None:
            message = f"At {still.seconds:.1f} s: {verdict.error.message}"
            self.failure = Failure(type=verdict.error.type, message=message)
        if verdict.rating is not None and (self.worst is None or _badness(verdict) > _badness(self.worst)):
            self.worst, self.worst_seconds = verdict, still.seconds
            self.picture = still.picture if self.request.explain else None

    def verdict(self, model: ModelRef, sha256: str | None, unread: Failure | None, sampled: bool) -> VideoVerdict:
        failure = self.failure or unread
        notes = [Note.several_frames.value] if len(self.told) > 1 else []
        notes += [Note.frames_sampled.value] if sampled else []
        if self.worst is None or (failure is not None and self.worst.rating is not Rating.Unsafe):
            failed = VideoVerdict.failed(
                failure or Failure(type=ErrorType.internal, message="Nothing was said of any picture."),
                image=self.request.key,
                policy=self.request.policy.ref,
                model=model,
                sha256=sha256,
                notes=tuple(notes),
                seconds=self.seconds,
            )
            return failed.model_copy(update={"frames": tuple(self.told)})
        said: dict[str, Any] = {name: getattr(self.worst, name) for name in Verdict.model_fields}
        said |= {
            "image": self.request.key,
            "sha256": sha256,
            "frames_judged": sum(still.rating is not None for still in self.told),
            "notes": tuple(dict.fromkeys([*notes, *self.worst.notes])),
            "seconds": self.seconds,
        }
        return VideoVerdict(**said, worst_frame_seconds=self.worst_seconds, frames=tuple(self.told))


@dataclass
class _Video:
    """A video on its way through the guard."""

    views: list[_View]
    sha256: str | None = None
    failure: Failure | None = None
    """Why no more of it was shown."""
    is_sampled: bool = False

    def stills(self, sampling: Sampling, limits: Limits) -> Iterator[Still]:
        """Yield its pictures until there is no more, or something goes wrong."""
        source = self.views[0].request.image
        name = printable(str(source))
        try:
            if not isinstance(source, str | Path):
                raise ImageError(ErrorType.unsupported_format, "Videos are named by their paths.")
            self.sha256 = _sha256(Path(source), name)
            for still in stills(Path(source), sampling, limits):
                self.is_sampled |= not still.is_next
                yield still
        except ImageError as problem:
            self.failure = Failure(type=problem.type, message=problem.message)
        except MemoryError:
            self.failure = Failure(type=ErrorType.too_many_pixels, message=f"{name} does not fit into memory.")
        except EyewardError:
            raise
        except Exception as problem:
            said = f"{name} could not be decoded: {type(problem).__name__}: {problem}."
            self.failure = Failure(type=ErrorType.internal, message=said)


def _badness(verdict: Verdict) -> tuple[int, float]:
    assert verdict.rating is not None
    return _BADNESS[verdict.rating], verdict.p_unsafe or 0.0


def _sha256(file: Path, name: str) -> str:
    """Return the digest of a regular file, whatever its size."""
    digest = hashlib.sha256()
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ImageError(ErrorType.unreadable, f"{name} is a folder, a pipe or a device; name a regular file.")
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                digest.update(piece)
    except FileNotFoundError as problem:
        raise ImageError(ErrorType.not_found, f"{name} does not exist.") from problem
    except (OSError, ValueError) as problem:
        said = getattr(problem, "strerror", None) or str(problem)
        raise ImageError(ErrorType.unreadable, f"{name} cannot be read: {said}.") from problem
    return digest.hexdigest()
