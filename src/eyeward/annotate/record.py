"""`run.json`: what a run answers, by what. Another run is refused in its folder, with the difference shown."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

import eyeward
from eyeward.annotate.explain import Explain
from eyeward.annotate.item import as_text
from eyeward.annotate.sources import OUTPUT_SUFFIX, Kind, Source
from eyeward.annotate.sources.video import Sampling
from eyeward.annotate.storage import Storage, storage_at
from eyeward.engine.rating import RatingRule
from eyeward.errors import PolicyError, UsageError, described
from eyeward.guard import Coverage, Guard
from eyeward.policy import Policy
from eyeward.verdict import ModelRef

RUN_FILE = "run.json"
ANSWER_VERSION = 1
"""Raised when a new version of Eyeward answers otherwise than the one before, and only then."""
_FREE = ("eyeward", "source", "fingerprint")
"""Keys that may differ between two starts of one run."""
_MOST_SHOWN = 4
_DIGEST = re.compile(r"[0-9a-f]{64}")


class GuardRecord(BaseModel):
    """All that decides a guard's answers besides the images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelRef
    rule: RatingRule | None
    scope_threshold: float | None
    limits: dict[str, int]
    prompts: dict[str, str]
    """Hash of the prompt by hash of the policy."""
    arithmetic: str | None = None
    """What the weights run in, such as "bfloat16 on cuda"; None where nobody knows, as behind a server. bfloat16 on a
    GPU and float32 on a CPU rate images near the threshold otherwise, so it is part of the fingerprint: neither a
    cluster of both kinds of machines nor a run that goes on elsewhere may mix them. Which processor or GPU it is does
    not count: that is rounding, of the size that another batch makes, too."""
    served: str | None = None
    """What a server calls the model, and where its probabilities come from; None where the weights run here."""
    settings: dict[str, str] = {}
    """Digests of what else of the checkpoint is read, by the name of the file; how images are sent to a server."""
    scope: str | None = None
    """Digest of the scope check."""
    not_covered: dict[str, tuple[str, ...]] | None = None
    """By hash of the policy: what makes Review of an image, categories that cannot be judged and words that were never
    met. None in runs of an Eyeward that wrote down none of the last four: nobody goes on with them."""


class RunRecord(BaseModel):
    """What stands in `run.json`; nothing of the moment is in it, and of the machine what decides answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eyeward: str
    answer_version: int
    fingerprint: str
    """Of all that changes an answer."""
    source: tuple[str, ...]
    kind: Kind
    images_per_shard: int | None
    image_column: str | None
    sampling: Sampling | None = None
    """Which frames of videos are judged."""
    sample: int | None
    explain: str
    phash: bool
    statistics: bool = False
    """Whether rows hold numbers about each image."""
    known_hashes: str | None
    """Digest of the lists."""
    guard: GuardRecord
    policies: tuple[Policy, ...]

    @classmethod
    def of(
        cls,
        source: Source,
        guard: Guard,
        policies: Sequence[Policy],
        explain: Explain,
        sample: int | None = None,
        phash: bool = False,
        known_hashes: str | None = None,
        statistics: bool = False,
    ) -> RunRecord:
        """Describe a run.

        Raises:
            PolicyError: when a policy cannot be asked of the guard.
        """
        asked = GuardRecord(
            model=guard.model,
            rule=guard.rule,
            scope_threshold=guard.scope_threshold,
            limits=asdict(guard.limits),
            prompts={policy.hash: guard.prompt_hash(policy) for policy in policies},
            arithmetic=guard.engine.capabilities.arithmetic,
            served=guard.engine.capabilities.served,
            settings=dict(guard.settings),
            scope=None if guard.scope is None else guard.scope.digest,
            not_covered={policy.hash: _not_covered(guard.coverage(policy)) for policy in policies},
        )
        decides: dict[str, Any] = {
            "answer_version": ANSWER_VERSION,
            "explain": str(explain),
            "known_hashes": known_hashes,
            "guard": asked.model_dump(mode="json"),
            "policies": [policy.ref.model_dump(mode="json") for policy in policies],
        }
        if source.sampling is not None:
            decides["sampling"] = asdict(source.sampling)
        return cls(
            eyeward=eyeward.__version__,
            answer_version=ANSWER_VERSION,
            fingerprint=fingerprint(decides),
            source=tuple(as_text(name) for name in source.names),
            kind=source.kind,
            images_per_shard=source.images_per_shard,
            image_column=source.image_column,
            sampling=source.sampling,
            sample=sample,
            explain=str(explain),
            phash=phash,
            statistics=statistics,
            known_hashes=known_hashes,
            guard=asked,
            policies=tuple(policies),
        )

    def decides(self, policy: Policy) -> str:
        """Return the fingerprint of all that decides an answer about an image under one policy, whatever the run."""
        asked = self.guard.model_dump(mode="json")
        asked["prompts"] = asked["prompts"][policy.hash]
        asked["not_covered"] = asked["not_covered"][policy.hash]
        return fingerprint([self.answer_version, asked, policy.ref.model_dump(mode="json")])

    def keep(self, storage: Storage) -> None:
        """Write it where there is none; where there is one, go on with that run.

        Raises:
            UsageError: when there is another run, or something else.
        """
        if storage.read(RUN_FILE) is None:
            if next(storage.names(OUTPUT_SUFFIX), None) is not None:
                raise UsageError(f"{storage} is no folder of a run, or its {RUN_FILE} is lost; name a new folder.")
            storage.create(RUN_FILE, f"{self.model_dump_json(indent=2)}\n".encode())
        before = read_run(storage)
        if before.guard.not_covered is None:
            raise UsageError(
                f"{storage} was begun by an Eyeward that did not write down all that decides a guard's answers, so "
                "nobody can tell whether this guard is the same. It can be queried, audited and exported as it is; to "
                "go on, name a new folder."
            )
        different = list(_differences(_compared(before), _compared(self)))
        if different:
            more = f", and {len(different) - _MOST_SHOWN} more" if len(different) > _MOST_SHOWN else ""
            shown = "; ".join(different[:_MOST_SHOWN])
            raise UsageError(f"{storage} holds another run: {shown}{more}. Name a new folder, or ask the same again.")


def read_run(place: str | Path | Storage) -> RunRecord:
    """Read the record of a run.

    Raises:
        UsageError: when there is none, or none that makes sense.
    """
    storage = storage_at(place)
    file = f"{storage}/{RUN_FILE}"
    try:
        text = storage.read(RUN_FILE)
    except OSError as problem:
        raise UsageError(f"{storage} holds no run: {file} cannot be read; {problem.strerror}.") from problem
    if text is None:
        raise UsageError(f"{storage} holds no run: there is no {RUN_FILE}.")
    try:
        return RunRecord.model_validate_json(text)
    except PolicyError as problem:
        raise UsageError(f"{file} holds a policy that makes no sense: {problem}") from problem
    except ValidationError as problem:
        raise UsageError(f"{file} is not the record of a run: {described(problem)}.") from problem


def fingerprint(decides: Any) -> str:
    """Return the sha256 of data in a canonical form."""
    text = json.dumps(decides, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _compared(record: RunRecord) -> dict[str, Any]:
    """Return what two starts of one run must share; policies by what tells them apart."""
    content = {key: value for key, value in record.model_dump(mode="json").items() if key not in _FREE}
    policies = [f"{policy.name} v{policy.version} {policy.hash[:12]}" for policy in record.policies]
    content["policies"] = ", ".join(policies)
    prompts = content["guard"].pop("prompts")
    content["guard"]["prompts"] = ", ".join(value[:12] for value in prompts.values())
    for name, value in content["guard"]["settings"].items():
        content["guard"]["settings"][name] = value[:12] if _DIGEST.fullmatch(value) else value
    missed = (", ".join(of_policy) for of_policy in (content["guard"].pop("not_covered") or {}).values())
    content["guard"]["not_covered"] = "; ".join(filter(None, missed))
    return content


def _not_covered(coverage: Coverage) -> tuple[str, ...]:
    """Name what a guard cannot judge of a policy, category by category, with the words that it has never met."""
    found = []
    for id in dict.fromkeys((*coverage.not_covered, *coverage.unknown_words)):
        why = sorted(coverage.unknown_words.get(id, ())) or (["in part"] if id in coverage.partly else [])
        found.append(f"{id} ({', '.join(why)})" if why else id)
    return tuple(found)


def _differences(before: Any, now: Any, at: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), f"{at}.{key}" if at else key)
    elif before != now:
        yield f"{at} is {_shown(now)} and was {_shown(before)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
