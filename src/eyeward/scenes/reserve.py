"""What training never sees, decided by hashes and by nothing else.

Each kind of thing (orders, combinations of stances, pairs of motif and context, seeds) is split by the SHA-256 of its
own name, so the split does not move when samplers, seeds or counts change. Start sentences and declarations are short
lists and stand reserved by name in `eyeward.scenes.wordings`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache

from eyeward.data.sample import Split
from eyeward.scenes.facts import Context
from eyeward.scenes.motifs import MOTIFS

RESERVED_SHARE = 0.1
MOST_RESERVED_CONTEXTS = 2
"""A motif keeps at least four of its six contexts for training."""


def share(*parts: str) -> float:
    """Return a number in [0, 1) that depends on the words of `parts` only."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of_seed(seed: int) -> Split:
    """Return the split whose space `seed` lies in; the three spaces have no seed in common."""
    remainder = seed % 16
    if remainder == 15:
        return Split.TEST
    return Split.VALIDATION if remainder == 14 else Split.TRAIN


def seed_in(split: Split, seed: int, purpose: str) -> int:
    """Return a 53-bit seed in the space of `split`, another one for every `seed` and `purpose`."""
    digest = hashlib.sha256(f"{purpose}\x1f{split}\x1f{seed}".encode()).digest()
    high = int.from_bytes(digest[:8], "big") >> 15
    remainder = {Split.TEST: 15, Split.VALIDATION: 14}.get(split, high % 14)
    return high * 16 + remainder


@cache
def reserved_pairs() -> frozenset[tuple[str, Context]]:
    """Return the pairs of motif and context that are kept for testing."""
    pairs: set[tuple[str, Context]] = set()
    for motif in MOTIFS:
        hashed = sorted((share("pair", motif.key, context), context) for context in Context if context != Context.NONE)
        low = [context for value, context in hashed if value < RESERVED_SHARE]
        pairs.update((motif.key, context) for context in low[:MOST_RESERVED_CONTEXTS])
    return frozenset(pairs)


def pair_is_reserved(motif: str, context: Context) -> bool:
    """Return whether `motif` is never shown in `context` in training."""
    return (motif, context) in reserved_pairs()


def id_order(category: str) -> tuple[str, int, str]:
    """Sort ids as people count: `O2` before `O10`."""
    head = category.rstrip("0123456789")
    number = category[len(head) :]
    return (head, int(number) if number else -1, category)


def order_is_reserved(ids: Sequence[str]) -> bool:
    """Return whether this order of categories is kept for testing; the counting order never is."""
    if list(ids) == sorted(ids, key=id_order):
        return False
    return share("order", *ids) < RESERVED_SHARE


def combination_is_reserved(changes: Iterable[tuple[str, str]]) -> bool:
    """Return whether this set of (category id, stance) is kept for testing; one change alone never is."""
    ordered = sorted(f"{category}={stance}" for category, stance in changes)
    return len(ordered) >= 2 and share("combination", *ordered) < RESERVED_SHARE
