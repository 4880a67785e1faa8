"""Show that what is kept for testing does not occur in training: draw much of both, print what they have in common.

    python benchmarks/reserved_intersection.py --count 20000

Exit code 1 when anything reserved was drawn for training, or when both sides drew the same thing.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from eyeward.data.sample import Split
from eyeward.policy import Policy, PromptWording, Stance
from eyeward.scenes import wordings
from eyeward.scenes.facts import Context
from eyeward.scenes.reserve import combination_is_reserved, order_is_reserved, pair_is_reserved
from eyeward.scenes.sample import Pairs, sample_scene
from eyeward.scenes.variation import vary_policy
from eyeward.train.from_scratch.curriculum import choose_policy


@dataclass
class Seen:
    """What was drawn on one side, by kind; one string for each distinct thing."""

    orders: set[str] = field(default_factory=set)
    combinations: set[str] = field(default_factory=set)
    start_sentences: set[str] = field(default_factory=set)
    declarations: set[str] = field(default_factory=set)
    pairs: set[str] = field(default_factory=set)
    scenes: set[str] = field(default_factory=set)

    def add_policy(self, policy: Policy, wording: PromptWording) -> None:
        """Note what the prompt of this policy would show."""
        changed = [f"{item.id}={item.stance}" for item in policy.categories if item.stance is not Stance.enforced]
        self.orders.add(" ".join(policy.ids))
        self.combinations.add(" ".join(sorted(changed)))
        self.start_sentences.add(wording.start_sentence)
        self.declarations.update((wording.non_violating_declaration, wording.sensitive_declaration))

    def add_scene(self, seed: int, split: Split, pairs: Pairs) -> None:
        """Note the pair of motif and context, and the scene itself without its seed."""
        graph = sample_scene(seed, split, pairs=pairs)
        self.pairs.add(f"{graph.motif} {graph.context}")
        self.scenes.add(replace(graph, seed=0).to_json())


def reserved_among(seen: Seen) -> dict[str, list[str]]:
    """Return, by kind, what of `seen` the hash split or the lists keep for testing."""
    starts = set(wordings.RESERVED_START_SENTENCES)
    declarations = {*wordings.RESERVED_NON_VIOLATING, *wordings.RESERVED_SENSITIVE}

    def combination(text: str) -> bool:
        return combination_is_reserved((id, stance) for id, stance in (item.split("=") for item in text.split()))

    def pair(text: str) -> bool:
        motif, context = text.split()
        return pair_is_reserved(motif, Context(context))

    return {
        "orders": [text for text in seen.orders if order_is_reserved(text.split())],
        "combinations": [text for text in seen.combinations if combination(text)],
        "start_sentences": sorted(seen.start_sentences & starts),
        "declarations": sorted(seen.declarations & declarations),
        "pairs": [text for text in seen.pairs if pair(text)],
        "scenes": [],
    }


def draw_training(count: int) -> Seen:
    """Draw `count` policies as training does, and `count` training scenes."""
    rng, seen = random.Random("training"), Seen()
    for number in range(count):
        seen.add_policy(*choose_policy(rng))
        seen.add_scene(number, Split.TRAIN, Pairs.OPEN)
    return seen


def draw_testing(count: int) -> Seen:
    """Draw `count` policies and `count` scenes in which everything is reserved that can be."""
    base, rng, seen = Policy.load("default"), random.Random("testing"), Seen()
    for number in range(count):
        varied = vary_policy(rng, base, Split.TEST)
        seen.add_policy(varied.policy, varied.wording)
        seen.add_scene(number, Split.TEST, Pairs.RESERVED)
    return seen


@dataclass(frozen=True)
class Row:
    """One kind of thing that is split."""

    kind: str
    training: int
    testing: int
    reserved_in_training: int
    reserved_in_testing: int


def compare(training: Seen, testing: Seen) -> list[Row]:
    """Count distinct things of each kind on both sides, and what is reserved among them."""
    in_training, in_testing = reserved_among(training), reserved_among(testing)
    rows = []
    for kind, drawn in vars(training).items():
        both = set(in_training[kind]) | (drawn & set(in_testing[kind]))
        if kind == "scenes":
            both = drawn & testing.scenes
        rows.append(Row(kind, len(drawn), len(getattr(testing, kind)), len(both), len(in_testing[kind])))
    return rows


def print_table(rows: Iterable[Row]) -> None:
    """Print one line a kind."""
    print(f"{'kind':<16}{'in training':>12}{'in testing':>12}{'reserved: tested':>18}{'reserved: trained':>19}")
    for row in rows:
        print(
            f"{row.kind:<16}{row.training:>12}{row.testing:>12}{row.reserved_in_testing:>18}{row.reserved_in_training:>19}"
        )


def main() -> int:
    """Run the comparison and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20_000, help="policies and scenes drawn for training")
    parser.add_argument("--out", type=Path, help="also write the table as JSON to this file")
    options = parser.parse_args()
    training, testing = draw_training(options.count), draw_testing(max(1, options.count // 10))
    rows = compare(training, testing)
    print_table(rows)
    if options.out is not None:
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    leaked = [row.kind for row in rows if row.reserved_in_training]
    print(f"Reserved things seen in training: {', '.join(leaked) or 'none'}.")
    return 1 if leaked else 0


if __name__ == "__main__":
    sys.exit(main())
