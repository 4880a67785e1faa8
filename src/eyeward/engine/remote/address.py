"""Which names are those of servers. Light, because every load of a guard asks."""

from __future__ import annotations

_SCHEMES = ("http://", "https://")


def is_address(name: str) -> bool:
    """Whether a guard's name is the address of a server."""
    return name.startswith(_SCHEMES)


def profile_and_address(name: str) -> tuple[str, str] | None:
    """Split `moderations:https://host/v1#model` into the name of a profile and the address; None for other names."""
    profile, colon, address = name.partition(":")
    return (profile, address) if colon and profile.isidentifier() and is_address(address) else None
