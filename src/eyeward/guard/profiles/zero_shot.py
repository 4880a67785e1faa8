"""Any vision-language model that chats, asked in our words for an answer in our form."""

from __future__ import annotations

from eyeward.guard.llavaguard import LlavaGuardProfile


class ZeroShotProfile(LlavaGuardProfile):
    """Asks as our own checkpoints are asked: the policy first, JSON on one line.

    A name of its own because of what it says of the model: nobody taught it this form, so its card has
    `trained_to_judge` off, and the answer is held to the form by the engine.
    """
