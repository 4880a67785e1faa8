"""Videos before a guard: it judges their pictures, and the worst one counts. Images among them pass as they are.

Unsafe before an error, an error before Review, Review before Safe: a video of which a picture could not be read or
judged is never Safe, whatever the others are, and what was found Unsafe stays so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from PIL import Image

from eyeward.annotate.footage import Footage
from eyeward.annotate.judging import Judge, VideoRequest, what_of
from eyeward.annotate.sources.video import Sampling, Still, stills
from eyeward.errors import ErrorType, EyewardError, ImageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.reading import printable
from eyeward.verdict import Failure, ModelRef, Note, Rating, Verdict

PIXELS_AT_ONCE = 50_000_000
"""Pixels of the pictures that lie in memory before they are judged."""
HELD_AT_ONCE = 256 << 20
"""Bytes of this machine that are given for images and copies of videos before they are judged."""
_VIDEOS_AT_ONCE = 100
_BADNESS = {Rating.Safe: 0, Rating.Review: 1, Rating.Unsafe: 2}


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
    """A guard that is shown the pictures of videos."""

    def __init__(self, guard: Judge, sampling: Sampling, limits: Limits) -> None:
        """Take the guard, and say which pictures it is shown."""
        self._guard = guard
        self._sampling = sampling
        self._limits = limits

    @property
    def model(self) -> ModelRef:
        """The model of the guard."""
        return self._guard.model

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Yield one verdict a request, in order. Requests in a row about the very same video share its decoding.

        Raises:
            EyewardError: when the guard does not give one verdict to each picture.
        """
        videos: list[_Video] = []
        waiting: list[tuple[_View, Still | None]] = []
        pixels = held = 0
        for _, group in groupby(requests, key=lambda request: id(what_of(request))):
            video = _Video([_View(request) for request in group])
            videos.append(video)
            held += video.held
            if video.footage is None:
                waiting += [(view, None) for view in video.views]
            for still in video.stills(self._sampling, self._limits):
                waiting += [(view, still) for view in video.views]
                pixels += still.picture.width * still.picture.height
                if pixels >= PIXELS_AT_ONCE:
                    self._judge(waiting)
                    yield from self._verdicts(videos[:-1])
                    videos, waiting, pixels, held = [video], [], 0, video.held
            if len(videos) >= _VIDEOS_AT_ONCE or held >= HELD_AT_ONCE:
                self._judge(waiting)
                yield from self._verdicts(videos)
                videos, waiting, pixels, held = [], [], 0, 0
        self._judge(waiting)
        yield from self._verdicts(videos)

    def _judge(self, waiting: Sequence[tuple[_View, Still | None]]) -> None:
        requests = [
            view.request if still is None else Request(still.picture, view.request.policy, False, view.request.key)
            for view, still in waiting
        ]
        answers = list(self._guard.assess_requests(requests)) if requests else []
        if len(answers) != len(requests):
            raise EyewardError(
                f"The guard {self.model.name!r} gave {len(answers)} verdicts on {len(requests)} pictures of videos."
            )
        for (view, still), answer in zip(waiting, answers, strict=True):
            if still is None:
                view.of_image = answer
            else:
                view.take(still, answer)

    def _verdicts(self, videos: Iterable[_Video]) -> Iterator[Verdict]:
        for video in videos:
            for view in video.views:
                yield view.of_image or self._explained(
                    view, view.verdict(self.model, video.sha256, video.failure, video.is_sampled)
                )

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
    """One video, or an image among videos, under one policy: what was said so far."""

    request: Request
    of_image: Verdict | None = None
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
    """A video on its way through the guard, or an image among videos."""

    views: list[_View]
    sha256: str | None = None
    failure: Failure | None = None
    """Why no more of it was shown."""
    is_sampled: bool = False

    @property
    def footage(self) -> Footage | None:
        """The video; None where it is an image."""
        request = self.views[0].request
        return request.footage if isinstance(request, VideoRequest) else None

    @property
    def held(self) -> int:
        """Bytes of this machine that are given for it."""
        what = what_of(self.views[0].request)
        return what.held if isinstance(what, Footage) else len(what) if isinstance(what, bytes) else 0

    def stills(self, sampling: Sampling, limits: Limits) -> Iterator[Still]:
        """Yield its pictures until there is no more, or something goes wrong; of an image none."""
        footage = self.footage
        if footage is None:
            return
        name = printable(footage.name)
        try:
            self.sha256 = _sha256(footage)
            for still in stills(footage, sampling, limits):
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


def _sha256(footage: Footage) -> str:
    """Return the digest of a video, whatever its size."""
    digest = hashlib.sha256()
    for piece in footage.pieces():
        digest.update(piece)
    return digest.hexdigest()
