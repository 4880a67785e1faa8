"""What would leave, under which card and licence, and why not; then, if nobody objects, the sending itself."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from eyeward.errors import PublishError, UsageError
from eyeward.publish.card import Card
from eyeward.publish.hub import Hub, RepoKind
from eyeward.publish.leaving import Leaving, Refusal, files_of

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Plan:
    """A folder on its way to a repository: everything in it was looked at, nothing was sent."""

    folder: Path
    repo: str
    kind: RepoKind
    files: tuple[Leaving, ...]
    card: Card
    refusals: tuple[Refusal, ...]
    facts: tuple[str, ...] = ()
    """Sentences about what is in it."""

    def __post_init__(self) -> None:
        """Refuse a name that no repository has.

        Raises:
            UsageError: when it is not ORGANISATION/NAME.
        """
        if not _REPO.fullmatch(self.repo):
            raise UsageError(f"{self.repo!r} is no id of a repository; write ORGANISATION/NAME.")

    @property
    def bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.bytes for file in self.files)

    @property
    def by_ending(self) -> dict[str, int]:
        """How many files of each ending there are, the most frequent first."""
        return dict(Counter(_ending(file.name) for file in self.files).most_common())


def publish(plan: Plan, hub: Hub, public: bool = False) -> str:
    """Send what was planned, into a private repository unless `public`, and return where it is.

    A repository that is there already keeps its visibility: a public one wants `public`.

    Raises:
        PublishError: when something may not leave, was changed since it was checked, or the Hub refuses it.
    """
    if plan.refusals:
        raise PublishError(f"{plan.folder} may not leave: {plan.refusals[0]}")
    files, refusals = files_of(plan.folder)
    if refusals or files != plan.files:
        raise PublishError(f"{plan.folder} was changed since it was checked; nothing was sent. Run the same again.")
    private = hub.is_private(plan.repo, plan.kind)
    if private is False and not public:
        raise PublishError(f"{plan.repo!r} is public, and all that is sent there is, too; say --public if you mean it.")
    if private is None:
        hub.create(plan.repo, plan.kind, private=not public)
    patterns = sorted({_ending(file.name) for file in files})
    return hub.upload(plan.repo, plan.kind, plan.folder, patterns, f"{plan.kind.value.capitalize()} from Eyeward")


def folder_to_publish(folder: Path) -> Path:
    """Return a folder that is there.

    Raises:
        UsageError: when it is none.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name the one that is to be published.")
    return folder


def _ending(name: str) -> str:
    """Return the pattern that a file's name falls under: its ending, or the whole name where it has none."""
    path = Path(name)
    return f"*{path.suffix}" if path.suffix else name
