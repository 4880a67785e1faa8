"""Which names are those of servers. Light, because every load of a guard asks."""

from __future__ import annotations


def is_address(name: str) -> bool:
    """Whether a guard's name is the address of a server."""
    return name.startswith(("http://", "https://"))
