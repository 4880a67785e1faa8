"""Ask a misbehaving server 10,000 questions: each is answered once, in order, and no failure is Safe.

Usage: python -m benchmarks.remote_misbehaving [--items 10000] [--kinds vllm openai] [--json PATH]

The server is the fake of the tests, in a process of its own. What it does to an item follows from the item's number:
most are answered, some after a failure or two, some never; now and then requests meet a storm of status 429, which
refuses no item more often than its attempts bear. So the right outcome of every item is known beforehand, and each
answer is compared with it: the probability with the brightness of the item's own picture. Peak memory is that of the
asking process, measured at a tenth of the items and at all of them, each in a fresh process. On a machine that is busy
with other things the server may be too slow for the limits set here, and items fail that should not.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

from PIL import Image

from eyeward.engine.protocol import ImageSegment, Prompt, RawAnswer, TextSegment
from eyeward.engine.rating import RatingRule
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.servers import ServerKind
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import ErrorType
from eyeward.guard.forms import CATEGORY, COMPACT, RATING
from eyeward.policy import Policy
from tests.engine.remote.fake_model import brightness_of, decoded
from tests.engine.remote.fake_server import FakeServer, Trouble

FATES: tuple[tuple[Trouble, int], ...] = (
    *((trouble, 1) for trouble in Trouble if trouble not in (Trouble.much_later, Trouble.bad_request)),
    *((trouble, 2) for trouble in (Trouble.too_many, Trouble.unavailable, Trouble.reset, Trouble.truncated)),
    *((trouble, 10**9) for trouble in Trouble if trouble not in (Trouble.slow, Trouble.later)),
)
"""What happens to unlucky items: a trouble, and how often. What is never asked again happens always."""
UNLUCKY = 4
"""One item in so many has a fate."""
STORM_EVERY, STORM_LENGTH, STORM_PATIENCE = 3000, 150, 4
ATTEMPTS = 8
"""More than a storm refuses an item and than it fails by itself before it is answered, together."""
NEVER = {
    Trouble.too_many: ErrorType.engine_unavailable,
    Trouble.much_later: ErrorType.engine_unavailable,
    Trouble.unavailable: ErrorType.engine_unavailable,
    Trouble.stall: ErrorType.engine_unavailable,
    Trouble.truncated: ErrorType.engine_unavailable,
    Trouble.reset: ErrorType.engine_unavailable,
    Trouble.broken_json: ErrorType.unparsable_answer,
    Trouble.white_space: ErrorType.unparsable_answer,
    Trouble.no_logprobs: ErrorType.unparsable_answer,
    Trouble.other_logprobs: ErrorType.unparsable_answer,
    Trouble.not_a_number: ErrorType.unparsable_answer,
    Trouble.endless: ErrorType.unparsable_answer,
    Trouble.wrong_label: ErrorType.unparsable_answer,
    Trouble.empty_choices: ErrorType.unparsable_answer,
    Trouble.bad_request: ErrorType.internal,
}
"""The error of an item that meets a trouble every time."""
SIDE = 16


def fate(number: int) -> tuple[Trouble, int] | None:
    """Return what happens to an item; the rarest, which cost time, to fewer."""
    if number % UNLUCKY:
        return None
    chosen = FATES[(number // UNLUCKY) % len(FATES)]
    costly = chosen[0] in (Trouble.stall, Trouble.endless) and chosen[1] > 1
    return None if costly and (number // (UNLUCKY * len(FATES))) % 4 else chosen


def picture(number: int) -> Image.Image:
    """Return an item's picture: its number in two pixels, its brightness in the others."""
    image = Image.new("RGB", (SIDE, SIDE), (level(number),) * 3)
    image.putpixel((0, 0), tuple(number.to_bytes(3, "big")))
    return image


def level(number: int) -> int:
    """Return the brightness of an item's picture."""
    return 5 + (number * 37) % 246


class Items(Sequence[Prompt]):
    """Questions that are made when they are asked."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._form = COMPACT.form(Policy.load("default").labels)
        self._rule = RatingRule(slot=RATING, positive="Unsafe", negative="Safe", category_slot=CATEGORY)

    def __len__(self) -> int:
        """Count them."""
        return self._count

    @overload
    def __getitem__(self, number: int) -> Prompt: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Prompt]: ...
    def __getitem__(self, number: int | slice) -> Prompt | Sequence[Prompt]:
        """Make one."""
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        segments = (TextSegment("A policy.\n"), ImageSegment(0), TextSegment(""))
        return Prompt(segments, (picture(number),), self._form, 1, rating_rule=self._rule)


def serve(kind: ServerKind) -> None:
    """Run the fake until standard input ends."""
    asked = 0
    refused: Counter[str] = Counter()

    def trouble(image: str, times: int) -> Trouble | None:
        nonlocal asked
        asked += 1
        if asked % STORM_EVERY < STORM_LENGTH and asked > STORM_EVERY and refused[image] < STORM_PATIENCE:
            refused[image] += 1
            return Trouble.too_many
        red, green, blue = decoded(image).convert("RGB").getpixel((0, 0))  # type: ignore[misc]
        met = fate((int(red) << 16) + (int(green) << 8) + int(blue))
        return met[0] if met is not None and times < met[1] else None

    with FakeServer(kind, trouble=trouble, keep_requests=False) as server:
        print(server.address, flush=True)
        sys.stdin.read()


def ask(kind: ServerKind, address: str, count: int) -> dict[str, object]:
    """Ask all questions and compare each answer with what is right for its item."""
    settings = RemoteSettings.parse(address).model_copy(
        update={
            "concurrency": 32,
            "attempts": ATTEMPTS,
            "first_wait": 0.02,
            "longest_wait": 0.3,
            "request_seconds": 2.0,
            "item_seconds": 120.0,
        }
    )
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    started = time.perf_counter()
    engine = RemoteEngine(settings)
    answered = 0
    for number, answer in enumerate(engine.judge(Items(count))):
        answered += 1
        outcomes[_outcome(answer)] += 1
        fault = _fault(kind, number, answer)
        if fault:
            wrong.append(f"item {number} ({fate(number)}): {fault}")
    seconds = time.perf_counter() - started
    engine.close()
    return {
        "kind": kind.value,
        "items": count,
        "answered": answered,
        "seconds": round(seconds, 1),
        "outcomes": dict(sorted(outcomes.items())),
        "wrong": wrong[:20],
        "wrong_count": len(wrong),
        "safe_among_failures": sum("written beside an error" in line for line in wrong),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _outcome(answer: RawAnswer) -> str:
    return answer.written[RATING] if answer.error is None else f"error: {answer.error.type.value}"


def _fault(kind: ServerKind, number: int, answer: RawAnswer) -> str | None:
    met = fate(number)
    expected = NEVER[met[0]] if met is not None and met[1] > 2 else None
    if met is not None and met[0] is Trouble.white_space and kind is ServerKind.vllm:
        expected = None  # Scores are read from one token; white space in the text behind it changes nothing.
    if answer.error is not None:
        if answer.written or answer.scores:
            return "written beside an error"
        if answer.error.type is not expected:
            return f"{answer.error.type.value} instead of {expected}: {answer.error.message}"
        return None
    if expected is not None:
        return f"answered instead of {expected}"
    right = brightness_of_item(number)
    if abs(math.exp(answer.scores_of(RATING)["Unsafe"]) - right) > 1e-6:
        return "the probability is that of another item"
    return None if answer.written[RATING] == ("Unsafe" if right >= 0.5 else "Safe") else "the rating is another item's"


def brightness_of_item(number: int) -> float:
    """Return the probability of Unsafe that the fake gives an item."""
    return brightness_of(picture(number))


def _fresh(kind: ServerKind, count: int) -> dict[str, object]:
    """Run server and questions, each in a process of its own."""
    run = [sys.executable, "-m", "benchmarks.remote_misbehaving"]
    with subprocess.Popen(
        [*run, "--serve", kind.value], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        done = subprocess.run(
            [*run, "--ask", kind.value, "--address", address, "--items", str(count)],
            capture_output=True,
            text=True,
            check=True,
        )
        server.stdin.close()
    found: dict[str, object] = json.loads(done.stdout)
    return found


def _table(results: Sequence[dict[str, object]]) -> Iterator[str]:
    yield f"{'server':<8} {'items':>7} {'answered':>9} {'wrong':>6} {'peak MB':>8} {'seconds':>8}  outcomes"
    for found in results:
        outcomes = found["outcomes"]
        assert isinstance(outcomes, dict)
        told = ", ".join(f"{count} {name}" for name, count in outcomes.items())
        yield (
            f"{found['kind']!s:<8} {found['items']:>7} {found['answered']:>9} {found['wrong_count']:>6} "
            f"{found['peak_megabytes']:>8} {found['seconds']:>8}  {told}"
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = [kind.value for kind in ServerKind]
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=["vllm", "openai"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", choices=kinds, help=argparse.SUPPRESS)
    parser.add_argument("--ask", choices=kinds, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(ServerKind(arguments.serve))
        return
    if arguments.ask:
        print(json.dumps(ask(ServerKind(arguments.ask), arguments.address, arguments.items)))
        return
    results = [
        _fresh(ServerKind(kind), count)
        for kind in arguments.kinds
        for count in (arguments.items // 10, arguments.items)
    ]
    print("\n".join(_table(results)))
    for kind in arguments.kinds:
        few, many = (found for found in results if found["kind"] == kind)
        growth = float(str(many["peak_megabytes"])) - float(str(few["peak_megabytes"]))
        print(f"{kind}: peak memory {growth:+.1f} MB from {few['items']} to {many['items']} items")
    for found in results:
        lines = found["wrong"]
        assert isinstance(lines, list)
        print("\n".join(lines), end="\n" if lines else "")
    if arguments.json:
        report = {"machine": platform.machine(), "python": platform.python_version(), "results": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if any(found["wrong_count"] or found["answered"] != found["items"] for found in results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
