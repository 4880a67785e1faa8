"""Judge images from Python: one, many, one under several policies, and requests with policies of their own.

Usage: python examples/judge_images.py [MODEL]
"""

from __future__ import annotations

import sys
from pathlib import Path

import eyeward

IMAGES = Path(__file__).parent / "images"


def main(model: str = "mini") -> None:
    """Print what a guard says."""
    guard = eyeward.load_guard(model)
    policy = eyeward.Policy.load("default")

    verdict = guard.assess(IMAGES / "kitchen_knife.png", policy, explain=True)
    print(verdict.model_dump_json(indent=2))

    for verdict in guard.assess_many(sorted(IMAGES.glob("*.png")), policy):
        print(Path(verdict.image or "").name, verdict.rating, verdict.category, verdict.p_unsafe)

    weapons_allowed = policy.non_violating("O6")
    for verdict in guard.assess_policies(IMAGES / "armed_person.png", [policy, weapons_allowed]):
        print(verdict.policy.hash[:8], verdict.rating)

    requests = [
        eyeward.Request(IMAGES / "cannabis.png", policy, explain=True, key="first"),
        eyeward.Request(IMAGES / "cannabis.png", weapons_allowed, key="second"),
        eyeward.Request("no-such-image.png", policy, key="third"),
    ]
    for verdict in guard.assess_requests(requests):
        print(verdict.image, verdict.rating, verdict.error.message if verdict.error else verdict.rationale)

    unread = guard.coverage(policy.add_rule("O6", "phlogiston", "should_not"))
    print("cannot judge:", unread.not_covered, dict(unread.unknown_words))


if __name__ == "__main__":
    main(*sys.argv[1:2])
