"""The policies of a service: those that ship, the one it was started with, and those that were sent to it.

What is sent is kept as `NAME/VERSION.yaml` in a folder. A version is written once and never changed, so that a verdict
of last year still finds its policy; several processes may share the folder.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eyeward.errors import PolicyError, UsageError
from eyeward.policy import Policy
from eyeward.policy.lint import Finding, Level, lint_text
from eyeward.policy.loading import pack_names
from eyeward.serve.logs import log
from eyeward.serve.refusals import NotAllowed, Refused, Unjudgeable

_NAMED = re.compile(r"(?P<name>[a-z0-9_-]{1,100})(?:@(?P<version>[1-9][0-9]{0,8}))?")
_LONGEST_NAME = 100


class PolicyRejected(Unjudgeable):
    """A policy with errors in it."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        errors = [str(finding) for finding in findings if finding.level is Level.error]
        super().__init__(f"The policy cannot be used: {' '.join(errors)}")


class SavedMeanwhile(Refused):
    """A policy that somebody else changed since its writer last looked; `latest` is the version that stands now."""

    status, kind = 409, "conflict"

    def __init__(self, name: str, based_on: int, latest: int) -> None:
        self.latest = latest
        began = f"you began with version {based_on}" if based_on else "to you it was new"
        super().__init__(
            f"Version {latest} of {name!r} stands now, and {began}. Look at what it says, then send yours once more, "
            f"based on version {latest}."
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a policy that was sent."""

    policy: Policy
    created: bool
    """False where the latest version says the same already."""
    findings: tuple[Finding, ...]
    """Doubts that are no errors."""


def read_policy(text: str) -> tuple[Policy, tuple[Finding, ...]]:
    """Read a policy from YAML or JSON, with the doubts about it.

    Raises:
        PolicyRejected: when there are errors in it.
    """
    text = _without_null(text)
    findings = lint_text(text)
    if any(finding.level is Level.error for finding in findings):
        raise PolicyRejected(findings)
    return Policy.from_text(text), findings


def _without_null(text: str) -> str:
    """Leave out a `verbatim` that is null: so JSON says that there is none, and YAML leaves the key out."""
    try:
        content = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return text  # it may be YAML; what it is, the lint says with its line
    if not isinstance(content, dict) or content.get("verbatim", "") is not None:
        return text
    return json.dumps({key: value for key, value in content.items() if key != "verbatim"}, ensure_ascii=False)


class PolicyBook:
    """Policies by name. Safe to use from several threads."""

    def __init__(self, folder: Path | None = None, default: str = "default") -> None:
        """Take the folder for what is sent, and the policy of those who name none: a pack, one of the folder, a file.

        Raises:
            PolicyError: when there is no such policy.
            UsageError: when a file has the name of a pack and says something else.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._read: dict[Path, Policy] = {}
        self._fixed = {name: Policy.load(name) for name in pack_names()}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        found = self.find(default)
        if found is None:
            found = Policy.load(default)
            if found.name in self._fixed or self._versions(found.name):
                raise UsageError(f"{default} calls itself {found.name!r}, and another policy does so too; rename it.")
            self._fixed[found.name] = found
        self.default = found

    @property
    def folder(self) -> Path | None:
        """Where policies that are sent are kept; None: nowhere."""
        return self._folder

    def may_write(self, name: str) -> bool:
        """Whether a policy may be kept under a name: not where it came with this service."""
        return self._folder is not None and name not in self._fixed

    def find(self, name: str) -> Policy | None:
        """Return a policy by `name`, the latest version, or by `name@version`; None where there is none.

        Raises:
            PolicyError: when its file was damaged.
        """
        match = _NAMED.fullmatch(name)
        if match is None:
            return None
        wanted = None if match["version"] is None else int(match["version"])
        fixed = self._fixed.get(match["name"])
        if fixed is not None:
            return fixed if wanted in (None, fixed.version) else None
        versions = self._versions(match["name"])
        if not versions or (wanted is not None and wanted not in versions):
            return None
        return self._load(match["name"], wanted or versions[-1])

    def versions(self, name: str) -> tuple[int, ...]:
        """Return the versions that there are of a policy, the oldest first."""
        fixed = self._fixed.get(name)
        return (fixed.version,) if fixed is not None else self._versions(name)

    def all(self) -> Iterator[Policy]:
        """Yield the latest version of every policy; of one that cannot be read any more there is a line in the log."""
        yield from self._fixed.values()
        if self._folder is not None:
            for place in sorted(self._folder.iterdir()):
                try:
                    found = self.find(place.name) if place.name not in self._fixed else None
                except PolicyError as problem:
                    log("policy_unreadable", logging.WARNING, policy=place.name, problem=str(problem))
                    continue
                if found is not None:
                    yield found

    def put(self, name: str, text: str, based_on: int | None = None) -> Kept:
        """Keep a policy as the next version of its name; one that says what the latest says is kept already.

        With `based_on`, the version that its writer looked at (0: none), it is kept as the one behind that or not at
        all, whoever else writes at the same time, in this process or another.

        Raises:
            PolicyRejected: when there are errors in it.
            Unjudgeable: when it has another name.
            NotAllowed: when nothing may be kept under that name.
            SavedMeanwhile: when `based_on` is not the latest version.
        """
        policy, findings = read_policy(text)
        if policy.name != name:
            raise Unjudgeable(f"The policy calls itself {policy.name!r} and is sent as {name!r}; name it the same.")
        if self._folder is None:
            raise NotAllowed("This service keeps no policies; start it with --policies FOLDER.")
        if name in self._fixed:
            raise NotAllowed(f"The policy {name!r} came with this service and stays as it is; choose another name.")
        if len(name) > _LONGEST_NAME:
            raise Unjudgeable(f"The name of a policy has at most {_LONGEST_NAME} letters.")
        with self._lock:
            while True:
                versions = self._versions(name)
                latest = self._load(name, versions[-1]) if versions else None
                if latest is not None and latest.hash == policy.hash:
                    return Kept(latest, False, findings)
                number = versions[-1] if versions else 0
                if based_on not in (None, number):
                    raise SavedMeanwhile(name, based_on or 0, number)
                numbered = policy.renamed(name, number + 1)
                if self._write(numbered):
                    return Kept(numbered, True, findings)

    def _versions(self, name: str) -> tuple[int, ...]:
        if self._folder is None or _NAMED.fullmatch(name) is None:
            return ()
        try:
            files = [file.name for file in (self._folder / name).iterdir()]
        except OSError:
            return ()
        stems = [file.removesuffix(".yaml") for file in files if file.endswith(".yaml")]
        return tuple(sorted(int(stem) for stem in stems if re.fullmatch(r"[1-9][0-9]{0,8}", stem)))

    def _load(self, name: str, version: int) -> Policy:
        assert self._folder is not None
        file = self._folder / name / f"{version}.yaml"
        found = self._read.get(file)
        if found is None:
            found = Policy.load(file)
            if (found.name, found.version) != (name, version):
                raise PolicyError("The file holds another policy than its name says; put it back.", file)
            self._read[file] = found
        return found

    def _write(self, policy: Policy) -> bool:
        """Write a version, whole or not at all; False when another process was quicker."""
        assert self._folder is not None
        place = self._folder / policy.name
        place.mkdir(exist_ok=True)
        draft = place / f".{uuid.uuid4().hex}"
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(policy.to_yaml())
                file.flush()
                os.fsync(file.fileno())
            (place / f"{policy.version}.yaml").hardlink_to(draft)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True
