"""Items to verdicts: every item gets one under each policy, in order, and what is no image an error."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from eyeward.annotate.explain import Explain, Extent
from eyeward.annotate.footage import Footage
from eyeward.annotate.item import Item
from eyeward.errors import EyewardError, ImageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.reading import read_image_file
from eyeward.policy import Policy
from eyeward.verdict import Failure, ModelRef, Verdict

Judged = tuple[Item, Verdict]
Thing = TypeVar("Thing")
CHUNK_ITEMS = 512
CHUNK_BYTES = 64 << 20
"""So many items, or so many bytes of them, are kept where they have to be kept."""


@dataclass(frozen=True, slots=True)
class VideoRequest(Request):
    """A request about a video. `image` names the place, so that a guard which knows no videos answers an error."""

    footage: Footage | None = None


class Judge(Protocol):
    """What judges: a guard, or something before one."""

    @property
    def model(self) -> ModelRef:
        """Names the weights and where they ran."""
        ...

    def assess_requests(self, requests: Iterable[Request]) -> Iterator[Verdict]:
        """Yield one verdict a request, in order."""
        ...


def judged(guard: Judge, items: Iterable[Item], policies: Sequence[Policy], explain: Explain) -> Generator[Judged]:
    """Yield the items in their order, each with its verdicts in the order of the policies.

    Raises:
        EyewardError: when the guard does not give one verdict to each question.
    """
    if not explain.takes_two_passes:
        yield from _in_one_pass(guard, items, policies, explain.extent is Extent.all)
        return
    for chunk in chunks(items, lambda item: item.image):
        yield from _in_two_passes(guard, chunk, policies, explain)


def _in_one_pass(guard: Judge, items: Iterable[Item], policies: Sequence[Policy], explain: bool) -> Iterator[Judged]:
    waiting: deque[Item] = deque()

    def requests() -> Iterator[Request]:
        for item in items:
            waiting.append(item)
            if not isinstance(item.image, Failure):
                for policy in policies:  # one after the other, so that the image is decoded once
                    yield _question(item, policy, explain)

    hashes = [policy.hash for policy in policies]
    given = 0
    for verdict in guard.assess_requests(requests()):
        yield from _failures_in_front(waiting, policies, guard)
        if not waiting or verdict.policy.hash != hashes[given]:
            raise EyewardError(
                f"The guard {guard.model.name!r} gave a verdict that nobody asked for; nothing is written."
            )
        yield waiting[0], verdict
        given += 1
        if given == len(policies):
            waiting.popleft()
            given = 0
    yield from _failures_in_front(waiting, policies, guard)
    if waiting:
        raise EyewardError(f"The guard {guard.model.name!r} gave no verdict to {waiting[0].key!r}; nothing is written.")


def _failures_in_front(waiting: deque[Item], policies: Sequence[Policy], guard: Judge) -> Iterator[Judged]:
    while waiting and isinstance(waiting[0].image, Failure):
        item = waiting.popleft()
        assert isinstance(item.image, Failure)
        for policy in policies:
            yield item, Verdict.failed(item.image, image=item.key, policy=policy.ref, model=guard.model)


def _in_two_passes(guard: Judge, chunk: Sequence[Item], policies: Sequence[Policy], explain: Explain) -> list[Judged]:
    """Judge, then have those explained that want it; a second answer stands where it is one, the first elsewhere."""
    found = list(_in_one_pass(guard, chunk, policies, False))
    places = [place for place, (_, verdict) in enumerate(found) if explain.wants(verdict)]
    requests = [_question(found[place][0], policies[place % len(policies)], True) for place in places]
    answers = list(guard.assess_requests(requests)) if requests else []
    if len(answers) != len(requests):
        raise EyewardError(f"The guard {guard.model.name!r} gave {len(answers)} answers to {len(requests)} questions.")
    for place, answer in zip(places, answers, strict=True):
        if answer.error is None:
            found[place] = (found[place][0], answer)
    return found


def _question(item: Item, policy: Policy, explain: bool) -> Request:
    assert not isinstance(item.image, Failure)
    if isinstance(item.image, Footage):
        return VideoRequest(Path(item.image.name), policy, explain, item.key, item.image)
    return Request(item.image, policy, explain, item.key)


def what_of(request: Request) -> object:
    """Return the image that a request is about, or the video."""
    return request.footage if isinstance(request, VideoRequest) else request.image


def chunks(things: Iterable[Thing], content: Callable[[Thing], object]) -> Iterator[list[Thing]]:
    """Yield things in their order, so many at a time that what their contents take of this machine stays bounded."""
    chunk: list[Thing] = []
    size = 0
    for thing in things:
        held = content(thing)
        chunk.append(thing)
        size += held.held if isinstance(held, Footage) else len(held) if isinstance(held, bytes) else 0
        if len(chunk) >= CHUNK_ITEMS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def ask_the_rest(
    guard: Judge,
    requests: Iterable[Request],
    known: Callable[[Request], Verdict | None],
    learn: Callable[[Request, Verdict], None] = lambda request, verdict: None,
) -> Iterator[Verdict]:
    """Yield a verdict for each request, in order: what is known, else what the guard says, which is learnt.

    Raises:
        EyewardError: when the guard does not give one verdict to each question.
    """
    for chunk in chunks(requests, what_of):
        found = [known(request) for request in chunk]
        asked = [request for request, verdict in zip(chunk, found, strict=True) if verdict is None]
        answers = iter(guard.assess_requests(asked) if asked else ())
        for request, verdict in zip(chunk, found, strict=True):
            if verdict is None:
                verdict = next(answers, None)
                if verdict is None:
                    raise EyewardError(f"The guard {guard.model.name!r} gave no verdict to {request.key!r}.")
                learn(request, verdict)
            yield verdict


def bytes_of(request: Request, limits: Limits) -> bytes | None:
    """Return the encoded bytes of an image; None where there are none to be had, and of a video."""
    if isinstance(request, VideoRequest):
        return None
    if isinstance(request.image, bytes):
        return request.image
    if isinstance(request.image, str | Path):
        with suppress(ImageError):
            return read_image_file(request.image, limits)
    return None


def drawn(keys: Iterable[str], count: int) -> frozenset[int]:
    """Return so many places of items by lot; the lot is drawn from key and place, so it is always the same."""
    lots = ((_lot(index, key), index) for index, key in enumerate(keys))
    return frozenset(index for _, index in heapq.nsmallest(count, lots))


def shares(sample: int, shards: int) -> list[int]:
    """Return how many of a sample are drawn from each shard: as many from each, the remainder evenly spread."""
    return [(number + 1) * sample // shards - number * sample // shards for number in range(shards)]


def _lot(index: int, key: str) -> bytes:
    return hashlib.sha256(f"{index} {key}".encode("utf-8", "backslashreplace")).digest()
