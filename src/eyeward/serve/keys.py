"""Who may do what: keys in a file, as hashes, with roles; read again when the file changes.

A key is 256 random bits, so one round of SHA-256 protects it: there is nothing to guess. The file says of each key its
name, its hash, its roles, and the policies that it is pinned to.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from eyeward.errors import UsageError
from eyeward.serve.refusals import NoKey, NotAllowed

PREFIX = "ew_"
"""What our keys begin with, so that those who search for leaked secrets find them."""
LOOK_AGAIN_SECONDS = 1.0
LARGEST_FILE = 1 << 20


class Role(StrEnum):
    """What a key is for."""

    caller = "caller"
    """Has images judged."""
    policy_owner = "policy_owner"
    """Writes policies."""
    reviewer = "reviewer"
    """Looks at images that are for review."""
    admin = "admin"
    """May do everything, and sees the metrics."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(_Record):
    """One key of the file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")
    """Stands in logs."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    roles: tuple[Role, ...] = (Role.caller,)
    policies: tuple[str, ...] = ()
    """The policies that it may use, `name` or `name@version`, the first where a request names none; none: all."""
    inline_policies: bool = False
    """Whether it may send a policy along with an image."""

    @field_validator("roles")
    @classmethod
    def _has_a_role(cls, roles: tuple[Role, ...]) -> tuple[Role, ...]:
        if not roles:
            raise ValueError("a key without a role is good for nothing; give it one or take it away")
        return roles


class KeyFile(_Record):
    """The whole file."""

    keys: tuple[Key, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_each_once(self) -> KeyFile:
        for what, values in (("name", [k.name for k in self.keys]), ("sha256", [k.sha256 for k in self.keys])):
            if len(set(values)) < len(values):
                raise ValueError(f"two keys have the same {what}; take one away")
        return self

    @classmethod
    def read(cls, file: Path) -> KeyFile:
        """Read a file.

        Raises:
            UsageError: when it cannot be read or says something else.
        """
        try:
            if file.stat().st_size > LARGEST_FILE:
                raise UsageError(f"{file} is larger than {LARGEST_FILE:,} bytes; it is no file of keys.")
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return cls.model_validate(content)
        except ValidationError as problem:
            raise UsageError(f"{file} is no file of keys: {_without_input(problem)}.") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as problem:
            raise UsageError(f"{file} cannot be read as a file of keys: {type(problem).__name__}.") from None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    name: str
    roles: frozenset[Role]
    policies: tuple[str, ...] = ()
    inline_policies: bool = False

    def require(self, *roles: Role) -> None:
        """Refuse who has none of these roles.

        Raises:
            NotAllowed: when that is so.
        """
        if not self.roles & {*roles, Role.admin}:
            wanted = " or ".join(role.value for role in roles) or Role.admin.value
            raise NotAllowed(f"The key {self.name!r} may not do this: it takes the role {wanted}.")

    def may_use(self, name: str, version: int) -> bool:
        """Whether a policy is among those that this key is pinned to."""
        return not self.policies or name in self.policies or f"{name}@{version}" in self.policies

    def may_write(self, name: str) -> bool:
        """Whether this key owns a policy: who is pinned to a version of it may write the next."""
        names = {pinned.partition("@")[0] for pinned in self.policies}
        return bool(self.roles & {Role.policy_owner, Role.admin}) and (not names or name in names)

    def may_read(self, name: str, version: int) -> bool:
        """Whether the text of a policy may be looked at: who may use it, and who owns it in all versions."""
        return self.may_use(name, version) or self.may_write(name)

    def require_write(self, name: str) -> None:
        """Refuse to write a policy that this key does not own.

        Raises:
            NotAllowed: when that is so.
        """
        self.require(Role.policy_owner)
        if not self.may_write(name):
            raise NotAllowed(f"The key {self.name!r} may write {', '.join(self.policies)}, not {name[:100]!r}.")


NOBODY = Principal("nobody", frozenset(Role), inline_policies=True)
"""Who asks a service without keys, which answers on the loopback only."""


class Keys:
    """The keys of a file, or none. Safe to use from several threads."""

    def __init__(self, file: Path | None, warn: Callable[[str], None] = lambda sentence: None) -> None:
        """Read the file; `warn` is told when it cannot be read again later on.

        Raises:
            UsageError: when it cannot be read now.
        """
        self._file = file
        self._warn = warn
        self._lock = threading.RLock()  # a signal may interrupt its holder and ask again
        self._known: dict[str, Principal] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._looked = time.monotonic()
        if file is not None:
            self._stamp = _stamp(file)
            self._known = _principals(KeyFile.read(file))

    @property
    def wanted(self) -> bool:
        """Whether a key is needed at all."""
        return self._file is not None

    def principal(self, key: str | None) -> Principal:
        """Return who has this key.

        Raises:
            NoKey: when nobody has.
        """
        if self._file is None:
            return NOBODY
        if not key:
            raise NoKey
        return self.holder(hash_of(key))

    def holder(self, sha256: str) -> Principal:
        """Return whose key has this hash, as the file says now.

        Raises:
            NoKey: when nobody has one.
        """
        self._look_again()
        found = self._known.get(sha256)
        if found is None:
            raise NoKey
        return found

    def reload(self) -> None:
        """Read the file now. One that cannot be read leaves the keys as they were, and is warned of."""
        with self._lock:
            self._looked = 0.0
            self._stamp = None
        self._look_again()

    def _look_again(self) -> None:
        assert self._file is not None
        with self._lock:
            now = time.monotonic()
            if self._looked and now - self._looked < LOOK_AGAIN_SECONDS:
                return
            self._looked = now
            stamp = _stamp(self._file)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._known = _principals(KeyFile.read(self._file))
            except UsageError as problem:
                self._warn(f"The keys stay as they were: {problem}")


def hash_of(key: str) -> str:
    """Return what stands in the file for a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> str:
    """Return a key that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def _principals(file: KeyFile) -> dict[str, Principal]:
    return {
        key.sha256: Principal(key.name, frozenset(key.roles), key.policies, key.inline_policies) for key in file.keys
    }


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _without_input(problem: ValidationError) -> str:
    """Describe what is wrong without a value of the file in it: somebody may have written a key where its hash goes."""
    said = []
    for fault in problem.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, fault["loc"])) or "the file"
        said.append(f"{place}: {fault['msg'].removeprefix('Value error, ')}")
    return "; ".join(said)
