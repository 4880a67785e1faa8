"""A guard around pipelines: what comes out, and that nothing comes out beside it. The pipelines here are fakes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from eyeward.errors import PromptRefused, UsageError, Withheld
from eyeward.moderate import guarded
from eyeward.verdict import Rating, Verdict
from tests.evaluate.worlds import guard

LEVELS = (0.1, 0.9, 0.55)
"""Dark, bright, and in the middle; the fake guard calls bright pictures unsafe."""


class Output(OrderedDict[str, Any]):
    """Behaves as the outputs of diffusers do."""

    def __init__(self, **fields: Any) -> None:
        super().__init__({name: value for name, value in fields.items() if value is not None})
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        object.__setattr__(self, name, value)

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(self.values())


@dataclass
class Painter:
    """Paints grey pictures of the levels."""

    levels: tuple[float, ...] = LEVELS
    others: dict[str, Any] = field(default_factory=dict)
    """Fields beside the images."""
    calls: int = 0

    def __call__(
        self,
        prompt: str | list[str] | None = None,
        prompt_2: str | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        prompt_embeds: Any = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        callback_on_step_end_tensor_inputs: Any = ("latents",),
    ) -> Any:
        self.calls += 1
        tensor = torch.stack([torch.full((3, 8, 10), level) for level in self.levels])
        array = tensor.permute(0, 2, 3, 1).numpy()
        images: Any = {
            "pt": tensor,
            "np": array,
            "pil": [Image.fromarray((np.nan_to_num(image).clip(0, 1) * 255).astype(np.uint8)) for image in array],
            "latent": torch.zeros(3, 4, 8, 8),
        }[output_type]
        if callback_on_step_end is not None:
            callback_on_step_end(self, 0, 0, {"latents": images})
        found = Output(images=images, **self.others)
        return found if return_dict else found.to_tuple()

    def to(self, device: str) -> Painter:
        self.device = device
        return self


def grey(images: Any) -> list[int]:
    """Return the level of the middle of each image, whatever the form."""
    found = []
    for image in images:
        array = np.asarray(image.permute(1, 2, 0) if isinstance(image, torch.Tensor) else image, dtype=float)
        found.append(round(float(array[4, 5, 0]) * (1 if isinstance(image, Image.Image) else 255)))
    return found


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_what_is_unsafe_is_black_and_the_rest_as_it_was(output_type: str) -> None:
    said = guarded(Painter(), guard())("a cat", output_type=output_type)
    assert grey(said.images)[1:] == [0, 0]
    assert grey(said.images)[0] in (25, 26)
    assert [verdict.rating for verdict in said.verdicts] == [Rating.Safe, Rating.Unsafe, Rating.Unsafe]


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_what_is_unsafe_can_be_left_out(output_type: str) -> None:
    said = guarded(Painter(), guard(), on_unsafe="drop")("a cat", output_type=output_type)
    assert len(said.images) == 1
    assert len(said.verdicts) == 3


def test_blurred_pictures_keep_their_size_and_lose_their_content() -> None:
    class Noise:
        def __call__(self, prompt: str, output_type: str = "pil", return_dict: bool = True) -> Any:
            return Output(images=[Image.effect_noise((64, 48), 100).point(lambda level: 128 + level // 2)])

    (image,) = guarded(Noise(), guard(), on_unsafe="blur")("a cat").images
    assert image.size == (64, 48)
    low, high = image.convert("L").getextrema()
    assert high - low < 40


def test_an_error_with_the_verdicts_can_be_raised() -> None:
    with pytest.raises(Withheld, match="2 of 3 images may not be shown") as caught:
        guarded(Painter(), guard(), on_unsafe="raise")("a cat")
    assert [verdict.rating for verdict in caught.value.verdicts] == [Rating.Safe, Rating.Unsafe, Rating.Unsafe]


def test_images_can_leave_with_their_verdicts_only() -> None:
    said = guarded(Painter(), guard(), on_unsafe="report")("a cat")
    assert grey(said.images) == [25, 229, 140]
    assert [verdict.flagged for verdict in said.verdicts] == [False, True, True]


def test_review_has_an_action_of_its_own() -> None:
    unsure = guard(band=(0.5, 0.6))
    assert grey(guarded(Painter(), unsure)("a cat").images) == [25, 0, 0]
    assert grey(guarded(Painter(), unsure, on_review="report")("a cat").images) == [25, 0, 140]


def test_images_that_cannot_be_judged_are_black() -> None:
    said = guarded(Painter((0.1, float("nan"), 1.4)), guard())("a cat", output_type="pt")
    assert grey(said.images)[1:] == [0, 0]
    assert [verdict.rating for verdict in said.verdicts] == [Rating.Safe, None, None]


def test_a_tuple_is_given_where_one_is_asked_for() -> None:
    (images,) = guarded(Painter(), guard())("a cat", return_dict=False)
    assert grey(images) == [25, 0, 0]


def test_flags_of_the_pipeline_say_what_the_guard_said() -> None:
    painter = Painter(others={"nsfw_content_detected": None})
    said = guarded(painter, guard(), on_unsafe="drop")("a cat")
    assert said.nsfw_content_detected == [False]
    images, flags = guarded(painter, guard())("a cat", return_dict=False)
    assert (len(images), flags) == (3, [False, True, True])


@pytest.mark.parametrize("output_type", ["latent", "np.array", None, 3])
def test_latents_do_not_leave_and_are_not_even_made(output_type: object) -> None:
    painter = Painter()
    behind = guarded(painter, guard())
    with pytest.raises(UsageError, match="nobody has judged"):
        behind("a cat", output_type=output_type)
    with pytest.raises(UsageError, match="nobody has judged"):
        behind("a cat", None, output_type)
    assert painter.calls == 0


@pytest.mark.parametrize(
    "images",
    [
        torch.rand(1, 3, 8, 8),
        torch.zeros(1, 4, 8, 8),
        np.zeros((1, 8, 8, 3)),
        [[Image.new("RGB", (8, 8))]],
        None,
        "a.png",
    ],
    ids=["another", "latents", "array", "nested", "nothing", "text"],
)
def test_what_is_not_what_was_asked_for_does_not_leave(images: object) -> None:
    class Liar:
        def __call__(self, prompt: str, output_type: str = "pil") -> object:
            return Output(images=images)

    with pytest.raises(UsageError, match="nothing is given out"):
        guarded(Liar(), guard())("a cat")


@pytest.mark.parametrize("others", [{"latents": torch.zeros(1)}, {"unsafe_images": [Image.new("RGB", (8, 8))]}])
def test_outputs_with_more_than_images_do_not_leave(others: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="beside its images"):
        guarded(Painter(others=others), guard())("a cat")


def test_a_pipeline_without_output_types_gives_out_pictures_only() -> None:
    class Modular:
        def __init__(self, result: object) -> None:
            self.result = result

        def __call__(self, **inputs: object) -> object:
            return self.result

    pictures = [Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), "white")]
    assert grey(guarded(Modular(pictures), guard())(prompt="a cat")[:1]) == [0]
    images, name = guarded(Modular((pictures, "x")), guard())(prompt="a cat")
    assert (images[1].getpixel((0, 0)), name) == ((0, 0, 0), "x")
    for other in (
        torch.zeros(1, 3, 8, 8),
        np.zeros((1, 8, 8, 3)),
        {"images": pictures},
        object(),
        (pictures, pictures),
    ):
        with pytest.raises(UsageError):
            guarded(Modular(other), guard())(prompt="a cat")
    with pytest.raises(UsageError, match="nobody has judged"):
        guarded(Modular(pictures), guard())(prompt="a cat", output_type="latent")


def test_callbacks_see_latents_only_where_that_is_allowed() -> None:
    seen: list[object] = []

    def callback(pipeline: object, step: int, time: int, inputs: dict[str, object]) -> dict[str, object]:
        seen.append(inputs)
        return inputs

    with pytest.raises(UsageError, match="callback_on_step_end would see latents"):
        guarded(Painter(), guard())("a cat", callback_on_step_end=callback)
    assert seen == []
    guarded(Painter(), guard())("a cat", callback_on_step_end=None)
    guarded(Painter(), guard(), allow_callbacks=True)("a cat", callback_on_step_end=callback)
    assert len(seen) == 1


def test_prompts_are_checked_before_anything_is_made() -> None:
    painter = Painter()
    behind = guarded(painter, guard(), prompt_check=lambda prompt: "no dogs" if "dog" in prompt else None)
    assert len(behind("a cat", prompt_2="a bird").images) == 3
    for said in ({"prompt": "a dog"}, {"prompt": ["a cat", "a dog"]}, {"prompt": "a cat", "prompt_2": "a dog"}):
        with pytest.raises(PromptRefused, match="no dogs"):
            behind(**said)
    with pytest.raises(PromptRefused, match="no text"):
        behind(prompt_embeds=torch.zeros(1))
    assert painter.calls == 1


class Anything:
    """Takes what is said by whatever name, as modular pipelines do, and paints one dark picture."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *more: object, **said: object) -> Any:
        self.calls += 1
        return Output(images=[Image.new("RGB", (8, 8))])


@pytest.mark.parametrize(
    "said",
    [
        {"editing_prompt": ["a cat", "a dog"]},
        {"source_prompt": "a cat", "target_prompt": "a dog"},
        {"content_prompt": [["a cat", None], ["a dog"]]},
        {"prompt": "a cat", "gligen_phrases": ["a dog"]},
        {"messages": [{"role": "user", "content": "a dog", "turn": 1}]},
    ],
)
def test_text_is_checked_whatever_its_argument_is_called(said: dict[str, object]) -> None:
    pipeline = Anything()
    behind = guarded(pipeline, guard(), prompt_check=lambda prompt: "no dogs" if "dog" in prompt else None)
    with pytest.raises(PromptRefused, match="no dogs"):
        behind(**said)
    assert pipeline.calls == 0
    with pytest.raises(PromptRefused, match="no dogs"):
        behind("a cat", "a dog")


@pytest.mark.parametrize(
    "name", ["image_embeds", "prompt_embeds_2", "pooled_prompt_embeds", "prompt_latents", "text_model_output"]
)
def test_what_nobody_can_read_is_refused_even_beside_a_prompt(name: str) -> None:
    pipeline = Anything()
    with pytest.raises(PromptRefused, match=f"{name} is no text"):
        guarded(pipeline, guard(), prompt_check=lambda prompt: None)(prompt="a cat", **{name: torch.zeros(1)})
    assert pipeline.calls == 0


def test_a_call_without_a_prompt_is_refused_where_prompts_are_checked() -> None:
    pipeline = Anything()
    behind = guarded(pipeline, guard(), prompt_check=lambda prompt: "no dogs" if "dog" in prompt else None)
    nothing: dict[str, object] = {"negative_prompt": "a dog", "negative_prompt_embeds": torch.zeros(1)}
    calls: list[dict[str, object]] = [{}, {"class_labels": [207]}, {"prompt": None}, {"prompt": []}, nothing]
    for said in calls:
        with pytest.raises(PromptRefused, match="no prompt here"):
            behind(**said)
    assert pipeline.calls == 0
    assert len(behind(prompt="a cat", num_images_per_prompt=1, output_type="pil", **nothing).images) == 1
    assert len(guarded(pipeline, guard())().images) == 1


def test_pipelines_that_make_video_are_refused_at_once() -> None:
    def video(prompt: str, num_frames: int = 16) -> None:
        return None

    with pytest.raises(UsageError, match="makes video"):
        guarded(video, guard())


def test_the_pipeline_is_reached_by_name_and_never_by_accident() -> None:
    painter = Painter()
    behind = guarded(painter, guard())
    assert behind.to("meta") is behind
    assert painter.device == "meta"
    assert behind.pipeline is painter
    with pytest.raises(AttributeError, match="is on .pipeline"):
        behind.enable_model_cpu_offload()  # type: ignore[operator]


def test_somebody_can_watch() -> None:
    watched: list[Verdict] = []
    with pytest.raises(Withheld):
        guarded(Painter(), guard(), on_unsafe="raise", watch=watched.extend)("a cat")
    assert len(watched) == 3
