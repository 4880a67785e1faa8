"""The chat template that a tuned guard has: that of its base, unless it cannot put the policy before the image."""

from __future__ import annotations

from eyeward.engine.local.checkpoint import LoadedCheckpoint
from eyeward.errors import CheckpointError
from eyeward.guard.card import PromptOrder
from eyeward.guard.chat_template import render_chat

_TEXT = "?policy?"
ONEVISION_IN_ORDER = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}{{ '<image>' }}{% else %}{{ '\\n' + content['text'] }}{% endif %}"
    "{% endfor %}{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""LLaVA-OneVision's marks around the parts of a message in their order; the published template renders images first."""


def chat_template(checkpoint: LoadedCheckpoint, order: PromptOrder) -> str | None:
    """Return the template for an order of prompts; None where the checkpoint has none.

    Raises:
        CheckpointError: when the checkpoint's own puts the image first and nobody wrote one that does not.
    """
    if order is PromptOrder.image_first or checkpoint.chat_template is None or _keeps_order(checkpoint):
        return checkpoint.chat_template
    if checkpoint.model.config.model_type == "llava_onevision":
        return ONEVISION_IN_ORDER
    raise CheckpointError(
        f"The chat template of {checkpoint.folder} puts the image before the policy; tune it with order=image_first, "
        "or write a chat_template.jinja that keeps the order of the parts."
    )


def _keeps_order(checkpoint: LoadedCheckpoint) -> bool:
    content = [{"type": "text", "text": _TEXT}, {"type": "image"}]
    rendered = render_chat(checkpoint, [{"role": "user", "content": content}])
    return _TEXT in rendered.partition(checkpoint.image_token)[0]
