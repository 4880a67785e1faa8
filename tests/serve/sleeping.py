"""A guard that looks at nothing: it sleeps, and says what the bytes of an image say."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from eyeward.errors import ErrorType
from eyeward.guard import Request, Scored
from eyeward.policy import Policy
from eyeward.verdict import Failure, ModelRef, Rating, Status, Verdict

DEFAULT = Policy.load("default")
OTHER = Policy.load("children")
MODEL = ModelRef(name="sleeping", engine="none")


def question(
    content: bytes = b"safe", policy: Policy = DEFAULT, explain: bool = False, key: str | None = None
) -> Request:
    return Request(content, policy, explain, key)


@dataclass
class SleepingGuard:
    """`unsafe`, `safe`, `broken` (the image's fault), `poison` (spoils its batch), anything else is Safe."""

    batch_seconds: float = 0.0
    image_seconds: float = 0.0
    model: ModelRef = MODEL
    trouble: str = ""
    """`crash`, `down`, `few`, `many`, `other`, `swapped`."""
    batches: list[list[bytes]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    holding: bool = False
    """Whether batches wait for `hold`."""
    under_way: int = 0

    def score_requests(self, requests: Iterable[Request]) -> Iterator[Scored]:
        asked = list(requests)
        contents = [bytes(str(r.image), "ascii") if not isinstance(r.image, bytes) else r.image for r in asked]
        self.batches.append(contents)
        self.under_way = len(asked)
        if self.holding:
            assert self.hold.wait(60.0)
        time.sleep(self.batch_seconds + self.image_seconds * len(asked))
        if self.trouble == "crash":
            raise RuntimeError("gone")
        spoilt = b"poison" in contents
        if self.trouble == "swapped":
            asked.reverse()
            contents.reverse()
        for number, (request, content) in enumerate(zip(asked, contents, strict=True)):
            if self.trouble == "few" and number == len(asked) - 1:
                break
            yield self._answer(request, content, spoilt)
        if self.trouble == "many":
            yield self._answer(asked[0], b"safe", False)
        self.under_way = 0

    def _answer(self, request: Request, content: bytes, spoilt: bool) -> Scored:
        kind = None
        if self.trouble == "down":
            kind = ErrorType.engine_unavailable
        elif spoilt:
            kind = ErrorType.internal
        elif content == b"broken":
            kind = ErrorType.unreadable
        policy = OTHER if self.trouble == "other" else request.policy
        if kind is not None:
            failure = Failure(type=kind, message="Trouble.")
            return Scored(Verdict.failed(failure, image=request.key, policy=policy.ref, model=self.model))
        unsafe = content == b"unsafe"
        return Scored(
            Verdict(
                image=request.key,
                sha256="0" * 64,
                status=Status.ok,
                rating=Rating.Unsafe if unsafe else Rating.Safe,
                category=policy.labels[5] if unsafe else "NA: None applying",
                p_unsafe=0.9 if unsafe else 0.1,
                p_unsafe_raw=0.9 if unsafe else 0.1,
                threshold=0.5,
                frames_judged=1,
                policy=policy.ref,
                model=self.model,
            ),
            {"O6": 1.0},
        )
