"""Random scenes, balanced over categories, rules and verdicts of the default policy.

A quarter touches no category. The rest is balanced over the nine categories; in each, half of the scenes break a rule
of the default policy and half are allowed, by a motif that is allowed or by a context that allows it. Contexts that no
rule of the category knows are mixed in everywhere, so that a frame or a badge alone says nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

from eyeward.data.sample import Split
from eyeward.errors import UsageError
from eyeward.scenes.facts import CATEGORY_NAMES, FACT_BY_KEY, FACTS, Context, Side
from eyeward.scenes.graph import BACKGROUNDS, DISTRACTORS, Distractor, SceneGraph, SecondMotif, Style
from eyeward.scenes.motifs import MOTIF_BY_KEY, MOTIFS, Motif
from eyeward.scenes.reserve import pair_is_reserved, reserved_pairs, seed_in

Item = TypeVar("Item")

UNTOUCHED_SHARE = 0.25
ALLOWED_BY_CONTEXT_SHARE = 0.4
"""Among allowed scenes: those whose motif breaks a rule that the context lifts."""
NO_CONTEXT_SHARE = {"untouched": 0.6, "violating": 0.65, "allowed_motif": 0.7}
"""How many scenes of each kind stand without a context; about 55 % of all."""
SMALLEST, LARGEST = 0.30, 0.45
MOST_ROTATION = 12.0

_CONTEXTS = tuple(context for context in Context if context is not Context.NONE)
_UNTOUCHED = tuple(motif for motif in MOTIFS if motif.fact is None)
_MOTIFS_OF = {fact.key: tuple(motif for motif in MOTIFS if motif.fact == fact.key) for fact in FACTS}
_LIFTING = {
    category: tuple(
        fact.context for fact in FACTS if fact.category == category and fact.context is not None and not fact.extra
    )
    for category in CATEGORY_NAMES
}


class Pairs(StrEnum):
    """Which pairs of motif and context to draw."""

    OPEN = "open"
    RESERVED = "reserved"


def sample_scene(
    seed: int,
    split: Split | str = Split.TRAIN,
    style: Style = Style.FLAT,
    *,
    pairs: Pairs | str = Pairs.OPEN,
    second_share: float = 0.0,
) -> SceneGraph:
    """Return the scene number `seed` of a split; both styles of one seed show the same scene.

    Args:
        pairs: `reserved` gives only pairs of motif and context that training never sees, for `split="test"` alone.
        second_share: how many scenes show a second motif in the right half of the picture.

    Raises:
        UsageError: for reserved pairs outside the test split.
    """
    split, pairs = Split(split), Pairs(pairs)
    check_pairs(split, pairs)
    graph_seed = seed_in(split, seed, "scene" if pairs is Pairs.OPEN else "scene of a reserved pair")
    rng = random.Random(graph_seed)
    motif, context = _reserved_subject(rng) if pairs is Pairs.RESERVED else _open_subject(rng)
    second_motif = _open_subject(rng)[0] if rng.random() < second_share else None
    if second_motif is not None and pair_is_reserved(second_motif.key, context):
        second_motif = None
    scale = round(rng.uniform(0.2, 0.24) if second_motif else rng.uniform(SMALLEST, LARGEST), 4)
    x = round(rng.uniform(scale, 0.5 - scale) if second_motif else rng.uniform(scale, 1 - scale), 4)
    y = round(rng.uniform(scale, 1 - scale), 4)
    return SceneGraph(
        seed=graph_seed,
        motif=motif.key,
        slots=_slots(rng, motif),
        context=context,
        style=style,
        background=rng.choice(BACKGROUNDS),
        x=x,
        y=y,
        scale=scale,
        rotation=round(rng.uniform(-MOST_ROTATION, MOST_ROTATION), 2),
        mirrored=rng.random() < 0.5,
        distractors=() if second_motif else tuple(_distractors(rng, x, y, scale)),
        noise=round(rng.uniform(0.0, 0.05), 4) if rng.random() < 0.6 else 0.0,
        tint=_tint(rng),
        second=None if second_motif is None else _second(rng, second_motif),
    )


def check_pairs(split: Split, pairs: Pairs) -> None:
    """Refuse reserved pairs outside the test split.

    Raises:
        UsageError: with the mend in it.
    """
    if pairs is Pairs.RESERVED and split is not Split.TEST:
        raise UsageError("Reserved pairs of motif and context are kept for testing; ask for them in the split `test`.")


def _open_subject(rng: random.Random) -> tuple[Motif, Context]:
    if rng.random() < UNTOUCHED_SHARE:
        motif = rng.choice(_UNTOUCHED)
        return motif, _context(rng, motif, _CONTEXTS, "untouched")
    category = rng.choice(tuple(CATEGORY_NAMES))
    lifting = _LIFTING[category]
    if rng.random() < 0.5:
        motif = _shown(rng, category, Side.SHOULD_NOT)
        deciding_nothing = tuple(context for context in _CONTEXTS if context not in lifting)
        return motif, _context(rng, motif, deciding_nothing, "violating")
    if rng.random() < ALLOWED_BY_CONTEXT_SHARE:
        context = rng.choice(lifting)
        motif = _shown(rng, category, Side.SHOULD_NOT)
        while pair_is_reserved(motif.key, context):
            motif = _shown(rng, category, Side.SHOULD_NOT)
        return motif, context
    motif = _shown(rng, category, Side.CAN)
    return motif, _context(rng, motif, _CONTEXTS, "allowed_motif")


def _reserved_subject(rng: random.Random) -> tuple[Motif, Context]:
    by_category: dict[str | None, list[tuple[str, Context]]] = {}
    for key, context in sorted(reserved_pairs()):
        fact = MOTIF_BY_KEY[key].fact
        by_category.setdefault(None if fact is None else FACT_BY_KEY[fact].category, []).append((key, context))
    untouched = by_category.pop(None, [])
    chosen = (
        untouched
        if untouched and rng.random() < UNTOUCHED_SHARE
        else by_category[rng.choice(sorted(map(str, by_category)))]
    )
    key, context = rng.choice(chosen)
    return MOTIF_BY_KEY[key], context


def _shown(rng: random.Random, category: str, side: Side) -> Motif:
    facts = [
        fact.key
        for fact in FACTS
        if fact.category == category and fact.side is side and fact.context is None and _MOTIFS_OF[fact.key]
    ]
    return rng.choice(_MOTIFS_OF[rng.choice(facts)])


def _context(rng: random.Random, motif: Motif, contexts: Sequence[Context], kind: str) -> Context:
    if rng.random() < NO_CONTEXT_SHARE[kind]:
        return Context.NONE
    open_contexts = [context for context in contexts if not pair_is_reserved(motif.key, context)]
    return rng.choice(open_contexts) if open_contexts else Context.NONE


def _slots(rng: random.Random, motif: Motif) -> dict[str, str]:
    return {slot: rng.choice(kinds) for slot, kinds in motif.slots.items()}


def _second(rng: random.Random, motif: Motif) -> SecondMotif:
    scale = round(rng.uniform(0.2, 0.24), 4)
    return SecondMotif(
        motif=motif.key,
        slots=_slots(rng, motif),
        x=round(rng.uniform(0.5 + scale, 1 - scale), 4),
        y=round(rng.uniform(scale, 1 - scale), 4),
        scale=scale,
    )


def _distractors(rng: random.Random, x: float, y: float, scale: float) -> Iterator[Distractor]:
    placed: list[tuple[float, float]] = []
    for _ in range(rng.choices((0, 1, 2), weights=(5, 3, 2))[0]):
        size = round(rng.uniform(0.05, 0.09), 4)
        for _attempt in range(20):
            at = (round(rng.uniform(size, 1 - size), 4), round(rng.uniform(size, 1 - size), 4))
            beside_motif = max(abs(at[0] - x), abs(at[1] - y)) >= 0.75 * scale + size
            beside_others = all(max(abs(at[0] - other[0]), abs(at[1] - other[1])) >= 0.2 for other in placed)
            if beside_motif and beside_others:
                placed.append(at)
                yield Distractor(rng.choice(DISTRACTORS), *at, size, round(rng.uniform(-25.0, 25.0), 2))
                break


def _tint(rng: random.Random) -> tuple[float, float, float]:
    if rng.random() < 0.4:
        return (1.0, 1.0, 1.0)
    red, green, blue = (round(rng.uniform(0.86, 1.06), 3) for _ in range(3))
    return (red, green, blue)
