"""A tuned guard asks in the order of its recipe, whatever the template of its base does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.guard.card import PromptOrder
from eyeward.guard.chat_template import render_chat
from eyeward.train.tuning.template import chat_template
from tests.engine.local.tiny import CHAT_TEMPLATE, make_checkpoint

IMAGES_FIRST = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + ' '}}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\\n' + content['text'] }}"
    "{% endfor %}{{'<|im_end|>'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""As the published checkpoints of LLaVA-OneVision have it."""


def test_a_template_that_keeps_the_order_is_kept(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    checkpoint = load_checkpoint(tmp_path)
    for order in PromptOrder:
        assert chat_template(checkpoint, order) == CHAT_TEMPLATE


def test_one_that_puts_images_first_is_replaced_for_policy_first_and_differs_in_nothing_else(tmp_path: Path) -> None:
    make_checkpoint(tmp_path)
    checkpoint = replace(load_checkpoint(tmp_path), chat_template=IMAGES_FIRST)
    assert chat_template(checkpoint, PromptOrder.image_first) == IMAGES_FIRST
    ours = replace(checkpoint, chat_template=chat_template(checkpoint, PromptOrder.policy_first))
    text, image = {"type": "text", "text": "Policy."}, {"type": "image"}
    asked = [render_chat(made, [{"role": "user", "content": [image, text]}]) for made in (checkpoint, ours)]
    assert asked[0] == asked[1] == "<|im_start|>user <image>\nPolicy.<|im_end|><|im_start|>assistant\n"
    turned = render_chat(ours, [{"role": "user", "content": [text, image]}])
    assert turned == "<|im_start|>user \nPolicy.<image><|im_end|><|im_start|>assistant\n"
