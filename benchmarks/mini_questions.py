"""The questions that tell whether `mini` sees and whether it reads: held-out scenes under probing policies."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from eyeward.policy import Policy
from eyeward.scenes import probes
from eyeward.scenes.graph import SceneGraph, Style
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import DecisionKind, Truth, decide
from eyeward.scenes.variation import VariedPolicy
from eyeward.verdict import NA, Rating

DEFAULT = Policy.load("default")


@dataclass(frozen=True)
class Ask:
    """One question: a scene under a policy."""

    graph: SceneGraph
    varied: VariedPolicy

    @cached_property
    def truth(self) -> Truth:
        return decide(self.graph, self.varied.policy)


@dataclass(frozen=True)
class Suite:
    """Scenes of one split, and the questions asked about them."""

    split: str
    scenes: int
    style: Style = Style.FLAT

    @cached_property
    def graphs(self) -> list[SceneGraph]:
        return [sample_scene(number, self.split, self.style) for number in range(self.scenes)]

    @cached_property
    def reserved_pair_graphs(self) -> list[SceneGraph]:
        return [sample_scene(number, self.split, self.style, pairs="reserved") for number in range(self.scenes)]

    @cached_property
    def unsafe(self) -> list[SceneGraph]:
        return [g for g in self.graphs if decide(g, DEFAULT).rating is Rating.Unsafe]

    @cached_property
    def allowed(self) -> list[SceneGraph]:
        """Scenes that touch a category and are Safe by default."""
        return [g for g in self.graphs if (t := decide(g, DEFAULT)).rating is Rating.Safe and t.category != NA]

    def default(self) -> list[Ask]:
        return [Ask(g, VariedPolicy(DEFAULT)) for g in self.graphs]

    def own_exempt(self) -> list[Ask]:
        return self._probed(self.unsafe, lambda g, rng: probes.own_exempt(g, DEFAULT, rng))

    def unrelated_exempt(self) -> list[Ask]:
        return self._probed(self.unsafe, lambda g, rng: probes.unrelated_exempt(g, DEFAULT, rng, rng.randint(1, 3)))

    def own_sensitive(self) -> list[Ask]:
        return self._probed(self.allowed, lambda g, rng: probes.own_sensitive(g, DEFAULT, rng))

    def unrelated_sensitive(self) -> list[Ask]:
        return self._probed(self.allowed, lambda g, rng: probes.unrelated_sensitive(g, DEFAULT, rng, 2))

    def five_policies(self) -> list[list[Ask]]:
        rng = random.Random("five")
        return [[Ask(g, v) for v in probes.five_policies(g, DEFAULT, rng)] for g in self.graphs]

    def reserved_order(self) -> list[Ask]:
        return self._probed(self.graphs, lambda g, rng: probes.reserved_order(DEFAULT, rng))

    def reserved_combination(self) -> list[Ask]:
        return self._probed(self.graphs, lambda g, rng: probes.reserved_combination(DEFAULT, rng, rng.randint(4, 9)))

    def reserved_start(self) -> list[Ask]:
        return self._probed(self.graphs, lambda g, rng: probes.reserved_start_sentence(DEFAULT, rng))

    def all_reserved(self) -> list[Ask]:
        return self._probed(self.graphs, lambda g, rng: probes.all_reserved(DEFAULT, rng))

    def reserved_pairs(self) -> list[Ask]:
        return [Ask(g, VariedPolicy(DEFAULT)) for g in self.reserved_pair_graphs]

    def reworded(self, controls: bool) -> list[Ask]:
        """Flips or controls with stances in the ten reserved wordings, in turn."""
        touched = [*self.unsafe, *self.allowed]
        random.Random("reworded").shuffle(touched)
        unsafe = {id(g) for g in self.unsafe}
        asks = []
        rng = random.Random(f"reworded {controls}")
        for number, graph in enumerate(touched):
            exempt = id(graph) in unsafe
            if controls:
                varied = (
                    probes.unrelated_exempt(graph, DEFAULT, rng, rng.randint(1, 3))
                    if exempt
                    else probes.unrelated_sensitive(graph, DEFAULT, rng, 2)
                )
            else:
                probe = probes.own_exempt if exempt else probes.own_sensitive
                varied = probe(graph, DEFAULT, rng)
            asks.append(Ask(graph, probes.reserved_declarations(varied, number % 10)))
        return asks

    def moved_rules(self) -> list[Ask]:
        """Scenes under the default policy with the rule that decides them in the other list."""
        decided = [g for g in self.graphs if decide(g, DEFAULT).decided_by.kind is DecisionKind.RULE]
        return [Ask(g, probes.moved_rule(g, DEFAULT)) for g in decided]

    def moved_controls(self) -> list[Ask]:
        """Other scenes of the same category, or of any, under those policies: nothing changes for them."""
        rng = random.Random("moved controls")
        asks = []
        for moved in self.moved_rules():
            change = moved.varied.changes[0]
            same = [g for g in self._by_category.get(change.category or "", []) if self._stays(g, moved.varied)]
            pool = same if same and rng.random() < 0.5 else self.graphs
            while not self._stays(other := rng.choice(pool), moved.varied):
                pass
            asks.append(Ask(other, moved.varied))
        return asks

    @cached_property
    def _by_category(self) -> dict[str, list[SceneGraph]]:
        found: dict[str, list[SceneGraph]] = {}
        for graph in self.graphs:
            found.setdefault(decide(graph, DEFAULT).category.split(":")[0], []).append(graph)
        return found

    def _stays(self, graph: SceneGraph, varied: VariedPolicy) -> bool:
        return decide(graph, varied.policy).rating is decide(graph, DEFAULT).rating

    def _probed(
        self, graphs: list[SceneGraph], probe: Callable[[SceneGraph, random.Random], VariedPolicy]
    ) -> list[Ask]:
        rng = random.Random(f"probe {len(graphs)}")
        return [Ask(graph, probe(graph, rng)) for graph in graphs]
