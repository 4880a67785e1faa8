"""What a guard says of the images of a bench, kept line by line, so that a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from eyeward.annotate.judging import Judge
from eyeward.errors import PASSING, UsageError
from eyeward.guard import Request
from eyeward.images import Limits
from eyeward.images.hashes import sha256_of_bytes
from eyeward.images.reading import read_image_file
from eyeward.moderate.bench.prompts import Made
from eyeward.policy import Policy
from eyeward.verdict import Verdict


def asked(
    guard: Judge, policy: Policy, images: Sequence[Made], file: Path, advance: Callable[[], None] = lambda: None
) -> dict[str, Verdict]:
    """Return the verdicts on images by their names; those that the file holds already are not asked for again.

    What failed for a reason that may have passed is.

    Raises:
        UsageError: when the file holds verdicts of another guard or under another policy.
    """
    head = {"model": guard.model.model_dump(mode="json"), "policy": policy.ref.hash, "threshold": _threshold(guard)}
    kept = _kept(file, head)
    known = {made.image.name: kept.get(made.image.name) for made in images}
    waiting = [made for made in images if not _still_true(known[made.image.name], made.image)]
    for _ in range(len(images) - len(waiting)):
        advance()
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text(json.dumps(head) + "\n", encoding="utf-8")
    found = {name: verdict for name, verdict in known.items() if verdict is not None}
    with file.open("a", encoding="utf-8") as lines:
        requests = (Request(made.image, policy, False, made.image.name) for made in waiting)
        for made, verdict in _in_order(waiting, guard.assess_requests(requests)):
            found[made.image.name] = verdict
            lines.write(verdict.model_dump_json() + "\n")
            lines.flush()
            advance()
    return found


def _in_order(waiting: Sequence[Made], verdicts: Iterator[Verdict]) -> Iterator[tuple[Made, Verdict]]:
    for made in waiting:
        verdict = next(verdicts, None)
        if verdict is None or verdict.image != made.image.name:
            raise UsageError(f"The guard gave no verdict on {made.image.name}; start again to ask once more.")
        yield made, verdict


def _threshold(guard: Judge) -> object:
    rule = getattr(guard, "rule", None)
    return None if rule is None else rule.model_dump(mode="json")


def _kept(file: Path, head: Mapping[str, object]) -> dict[str, Verdict]:
    """Read the file; a line that was cut off is taken away from it."""
    if not file.exists():
        return {}
    whole = file.read_bytes()
    if not whole.endswith(b"\n"):
        whole = whole[: whole.rfind(b"\n") + 1]
        file.write_bytes(whole)
    first, *rest = whole.decode("utf-8").splitlines() or [""]
    if not first:
        file.unlink()
        return {}
    try:
        if json.loads(first) != head:
            raise UsageError(
                f"{file} holds the verdicts of another guard, or under another policy; name another folder with --out."
            )
        verdicts = [Verdict.model_validate_json(line) for line in rest]
    except (ValueError, ValidationError) as problem:
        raise UsageError(f"{file} is damaged ({problem}); take it away to ask again.") from problem
    return {verdict.image: verdict for verdict in verdicts if verdict.image is not None}


def _still_true(verdict: Verdict | None, image: Path) -> bool:
    if verdict is None or (verdict.error is not None and verdict.error.type in PASSING):
        return False
    if verdict.sha256 is None:
        return True
    try:
        return verdict.sha256 == sha256_of_bytes(read_image_file(image, Limits()))
    except Exception:
        return False
