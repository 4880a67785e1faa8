"""Probabilities of labels from the likeliest tokens at each place of an answer, and the mass that nobody saw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eyeward.engine.local.trie import in_json
from eyeward.engine.remote.completions import Step
from eyeward.engine.remote.connection import Unreadable


@dataclass(frozen=True, slots=True)
class Seen:
    """What alternatives say about a slot."""

    log_probabilities: Mapping[str, float]
    """They add up to one; minus infinity for a label that no alternative leads to."""
    unseen: float
    """Mass of tokens that the server did not name, or that may lead to several labels."""
    shared: Mapping[tuple[str, ...], float]
    """By labels: the mass of tokens that lead to any of them, as a share of all mass that leads to labels."""

    def with_shared(self, labels: tuple[str, ...], among: Mapping[str, float]) -> Seen:
        """Divide the mass that some labels share by their log-probabilities among themselves."""
        share = self.shared[labels]
        rest = {other: mass for other, mass in self.shared.items() if other != labels}
        own = 1.0 - math.fsum(self.shared.values())
        mass = {label: own * math.exp(log) for label, log in self.log_probabilities.items()}
        for label in labels:
            mass[label] += share * math.exp(among[label])
        return _normalised(mass, self.unseen, rest)


def place_of(steps: Sequence[Step], text: str, character: int) -> int:
    """Return the byte of the joined tokens at which a character of the text stands.

    Raises:
        Unreadable: when the tokens are not those of the text.
    """
    joined = b"".join(step.token for step in steps)
    start = joined.find(text.encode("utf-8", "replace"))
    if not steps:
        raise Unreadable("The server gives no log-probabilities, so its answers have no probability.")
    if start < 0:
        raise Unreadable("The server's log-probabilities are not those of its text.")
    return start + len(text[:character].encode("utf-8", "replace"))


def label_scores(labels: Sequence[str], steps: Sequence[Step], begin: int, closing: str = '"') -> Seen:
    """Score the labels of a slot that begins at a byte of the joined tokens.

    The way that was written is followed token by token, until one label is left. At each place the alternatives that
    lead to one label only give their mass to it; those that may lead to several, and what was not named, are unseen.
    `closing` stands behind each label; without one a token that ends where a label does is taken for that label.

    Raises:
        Unreadable: when the tokens end too early or lead to no label.
    """
    endings = {label: (in_json(label) + closing).encode() for label in labels}
    mass = dict.fromkeys(labels, 0.0)
    shared: dict[tuple[str, ...], float] = {}
    unseen, path, place, written = 0.0, 1.0, 0, b""
    for step in steps:
        end = place + len(step.token)
        if end > begin:
            lead = step.token[: max(0, begin - place)]
            own, named = 0.0, 0.0
            for other in step.alternatives:
                p = math.exp(other.log_probability)
                named += p
                if other.token == step.token:
                    own = max(own, p)
                    continue
                fitting = _fitting(endings, written, lead, other.token)
                if fitting and not closing:
                    exact = [label for label in fitting if endings[label] == written + other.token[len(lead) :]]
                    fitting = exact or fitting
                if fitting is None or len(fitting) > 1:
                    unseen += path * p
                if fitting is not None and len(fitting) > 1:
                    shared[tuple(fitting)] = shared.get(tuple(fitting), 0.0) + path * p
                elif fitting:
                    mass[fitting[0]] += path * p
            unseen += path * max(0.0, 1.0 - named)
            path *= own
            written += step.token[len(lead) :]
            left = [label for label, ending in endings.items() if _fits(ending, written)]
            if not left:
                raise Unreadable("The server's log-probabilities are not those of its text.")
            if len(left) == 1:
                mass[left[0]] += path
                return _normalised(mass, unseen, shared)
        place = end
    whole = [label for label, ending in endings.items() if ending == written and not closing]
    if not whole:
        raise Unreadable("The server's log-probabilities end before the label does.")
    mass[whole[0]] += path
    return _normalised(mass, unseen, shared)


def _fitting(endings: dict[str, bytes], written: bytes, lead: bytes, token: bytes) -> list[str] | None:
    """Return the labels that a token may lead to; None for one that ends before the slot begins."""
    if not token.startswith(lead):
        return None if token and lead.startswith(token) else []
    following = written + token[len(lead) :]
    if not token:
        return []
    return [label for label, ending in endings.items() if _fits(ending, following)]


def _fits(ending: bytes, following: bytes) -> bool:
    return ending.startswith(following) or following.startswith(ending)


def _normalised(mass: Mapping[str, float], unseen: float, shared: Mapping[tuple[str, ...], float]) -> Seen:
    total = math.fsum(mass.values())
    if not total > 0.0:
        raise Unreadable("The server gives every label the probability zero.")
    logs = {label: math.log(m / total) if m > 0.0 else -math.inf for label, m in mass.items()}
    all_labels = total + math.fsum(shared.values())
    return Seen(logs, min(1.0, max(0.0, unseen)), {labels: m / all_labels for labels, m in shared.items()})
