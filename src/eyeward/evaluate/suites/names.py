"""Which suites there are; alone, so that a command line can list them quickly."""

from __future__ import annotations

from enum import StrEnum


class Suite(StrEnum):
    """Questions beside those of a folder."""

    attacks = "attacks"
    """Changed pictures and policies: what flips, and what stays caught."""
    cultures = "cultures"
    """The same pictures under the policies of several places, ages and audiences."""
