"""Guards of others by name: a detector, moderation services, and models behind servers, with how they are asked."""

from __future__ import annotations

import re

from eyeward.engine.remote.address import profile_and_address
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import UsageError
from eyeward.guard.card import EyewardCard, PromptOrder
from eyeward.guard.guard import Guard
from eyeward.guard.loading import rule_of
from eyeward.guard.profile import find_profile
from eyeward.guard.self_check import Subject
from eyeward.verdict import ModelRef

_BY_NAME = (
    (re.compile(r"Llama-?Guard-?(?:3-11B-Vision|4)", re.IGNORECASE), "llama_guard"),
    (re.compile(r"shieldgemma-?2", re.IGNORECASE), "shieldgemma2"),
)
"""Models whose names say how they are asked."""


def load_other(name: str, settings: RemoteSettings | None = None) -> Subject:
    """Load `nudenet`, or `PROFILE:ADDRESS#MODEL`; it is not checked yet. `settings` are of that address, if not plain.

    Raises:
        UsageError: when there is no such profile, no server answers, or no model is named.
        MissingExtra: when a package is not installed.
    """
    place = profile_and_address(name)
    if place is None:
        return _nudenet()
    profile, address = place
    settings = settings or RemoteSettings.parse(address)
    if profile == "moderations":
        return _moderations(settings)
    if profile == "nudenet":
        raise UsageError("NudeNet runs in this process; load it as 'nudenet'.")
    find_profile(profile)
    from eyeward.guard.remote_loading import load_remote

    return load_remote(None, settings, {}, profile=profile)


def card_of(profile: str, name: str) -> EyewardCard:
    """Return how a model is asked of which nothing is known but its name and its profile."""
    if profile in ("llama_guard", "shieldgemma2"):
        return EyewardCard(name=name, profile=profile, template_asks=True, order=PromptOrder.image_first)
    return EyewardCard(name=name, profile=profile, trained_to_judge=profile != "zero_shot")


def card_by_name(name: str) -> EyewardCard | None:
    """Return the card of a published guard of others, told by its name."""
    return next((card_of(profile, name) for pattern, profile in _BY_NAME if pattern.search(name)), None)


def _nudenet() -> Subject:
    from eyeward.engine.nudenet import LEAST_SCORE, NudeNetEngine

    card = EyewardCard(name="nudenet", profile="nudenet", threshold=LEAST_SCORE)
    engine = NudeNetEngine()
    model = ModelRef(name=card.name, revision=engine.version, engine="onnxruntime")
    return Subject(Guard(engine, find_profile(card.profile)(card), model, rule_of(card)), card)


def _moderations(settings: RemoteSettings) -> Subject:
    from eyeward.engine.remote.moderations import ModerationsEngine

    if not settings.model:
        raise UsageError(
            f"Name the model behind the address: moderations:{settings.address}#omni-moderation-latest is OpenAI's."
        )
    card = EyewardCard(name=settings.model, profile="moderations")
    model = ModelRef(name=card.name, engine="remote:moderations")
    profile = find_profile(card.profile)(card)
    guard = Guard(ModerationsEngine(settings), profile, model, rule_at_hand=rule_of(card))
    return Subject(guard, card, address=settings.address)
