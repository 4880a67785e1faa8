"""The pipelines of diffusers themselves, tiny and random, with our checker in them or our guard around them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import eyeward
from eyeward.engine.protocol import Prompt, RawAnswer
from eyeward.errors import UsageError
from eyeward.guard import Guard
from eyeward.moderate import NoFeatures, SafetyChecker, guarded
from eyeward.moderate.bench.generating import generate, load_pipeline
from eyeward.moderate.bench.prompts import Prompt as Wish
from eyeward.moderate.safety_checker import FILE_NAME
from eyeward.policy import Policy
from eyeward.verdict import Rating
from tests.evaluate.worlds import guard
from tests.fakes import failing, raw_answer

pytest.importorskip("diffusers", reason="diffusers is not installed; the extra moderate brings it")

from diffusers import StableDiffusionPipeline  # noqa: E402

from tests.moderate.tiny_pipelines import (  # noqa: E402
    WITHOUT_A_HOOK,
    image_to_image,
    quick,
    stable_diffusion,
)

Load = Callable[..., Guard]


def saying(*p_unsafe: float) -> Guard:
    """Return a guard that gives these probabilities, one image after the other, and then begins again."""
    said: list[float] = []

    def answer(prompt: Prompt) -> RawAnswer:
        said.append(p_unsafe[len(said) % len(p_unsafe)])
        return raw_answer(prompt, said[-1])

    return guard(answer)


SAFE, UNSAFE = 0.1, 0.9


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load a guard that finds everything unsafe in place of every name; returns the names."""
    named: list[str] = []

    def load(name: str, **options: Any) -> Guard:
        named.append(str(name))
        return saying(UNSAFE)

    monkeypatch.setattr(eyeward, "load_guard", load)
    return named


def black(image: Any) -> bool:
    return not np.asarray(image).any()


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_stable_diffusion_blackens_what_the_checker_flags(output_type: str) -> None:
    pipeline = stable_diffusion(SafetyChecker(saying(SAFE, UNSAFE)), NoFeatures())
    said = pipeline("a cat", **quick(num_images_per_prompt=2, output_type=output_type))
    assert said.nsfw_content_detected == [False, True]
    assert [black(image) for image in said.images] == [False, True]
    assert [verdict.rating for verdict in pipeline.safety_checker.verdicts] == [Rating.Safe, Rating.Unsafe]


def test_a_safe_image_is_the_same_as_without_a_checker() -> None:
    plain = stable_diffusion()("a cat", **quick(output_type="np")).images
    checked = stable_diffusion(SafetyChecker(saying(SAFE)), NoFeatures())("a cat", **quick(output_type="np")).images
    assert np.array_equal(plain, checked)


def test_the_guard_sees_the_image_that_comes_out() -> None:
    seen: list[Image.Image] = []

    def answer(prompt: Prompt) -> RawAnswer:
        seen.extend(image.copy() for image in prompt.images)
        return raw_answer(prompt, SAFE)

    (image,) = stable_diffusion(SafetyChecker(guard(answer)), NoFeatures())("a cat", **quick()).images
    assert np.abs(np.asarray(image, int) - np.asarray(seen[0], int)).max() <= 1


def test_image_to_image_has_the_same_hook() -> None:
    pipeline = image_to_image(SafetyChecker(saying(UNSAFE)), NoFeatures())
    start = Image.new("RGB", (32, 32), "white")
    said = pipeline("a cat", image=start, num_inference_steps=2, generator=torch.manual_seed(0))
    assert black(said.images[0])


def test_what_cannot_be_judged_is_black() -> None:
    pipeline = stable_diffusion(SafetyChecker(guard(failing("out of order"))), NoFeatures())
    said = pipeline("a cat", **quick())
    assert (said.nsfw_content_detected, black(said.images[0])) == ([True], True)


def test_review_passes_only_where_that_was_said() -> None:
    images = torch.zeros(1, 3, 8, 8)
    unsure = guard(lambda prompt: raw_answer(prompt, 0.5), band=(0.4, 0.6))
    assert SafetyChecker(unsure)(images=images, clip_input=None)[1] == [True]
    assert SafetyChecker(unsure, review_passes=True)(images=images, clip_input=None)[1] == [False]


@pytest.mark.parametrize(
    "images",
    [torch.full((2, 3, 8, 8), 0.5), np.full((2, 8, 8, 3), 0.5, np.float32), [torch.full((3, 8, 8), 0.5)] * 2],
    ids=["tensor", "array", "list"],
)
def test_the_forms_that_pipelines_hand_over(images: Any) -> None:
    checked, flags = SafetyChecker(saying(SAFE, UNSAFE))(clip_input=torch.zeros(2, 3, 4, 4), images=images)
    assert flags == [False, True]
    assert type(checked) is type(images)
    assert float(checked[0].max()) == 0.5
    assert float(abs(checked[1]).max()) == 0.0
    assert float(images[1].max()) == 0.5  # what was handed over is as it was


def test_images_in_another_form_do_not_leave() -> None:
    checker = SafetyChecker(saying(SAFE))
    for images in (None, torch.zeros(1, 4, 8, 8), "a.png"):
        with pytest.raises(UsageError, match="nothing is given out"):
            checker(clip_input=None, images=images)


def test_a_pipeline_is_saved_and_loaded_with_its_checker(tmp_path: Path, loads: list[str]) -> None:
    policy = Policy.load("children").sensitive("O2")
    pipeline = stable_diffusion(SafetyChecker("mini", policy, threshold=0.7, review_passes=True), NoFeatures())
    pipeline.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "safety_checker" / FILE_NAME).read_text())
    assert (saved["guard"], saved["threshold"], saved["review_passes"]) == ("mini", 0.7, True)
    again = StableDiffusionPipeline.from_pretrained(tmp_path)
    assert isinstance(again.safety_checker, SafetyChecker)
    assert isinstance(again.feature_extractor, NoFeatures)
    assert again.safety_checker._policy.hash == policy.hash
    assert loads == ["mini", "mini"]
    assert again("a cat", **quick()).nsfw_content_detected == [True]
    assert {verdict.threshold for verdict in again.safety_checker.verdicts} == {0.7}


def test_a_checker_can_be_put_into_a_pipeline_that_was_saved_with_another(tmp_path: Path, loads: list[str]) -> None:
    stable_diffusion(SafetyChecker("mini"), NoFeatures()).save_pretrained(tmp_path)
    checker = SafetyChecker(saying(SAFE))
    again = StableDiffusionPipeline.from_pretrained(tmp_path, safety_checker=checker)
    assert again.safety_checker is checker
    assert again("a cat", **quick()).nsfw_content_detected == [False]


def test_a_checker_without_a_name_is_not_silently_left_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="by the name of its guard"):
        stable_diffusion(SafetyChecker(saying(SAFE)), NoFeatures()).save_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["http://elsewhere.example.org/v1#model", "moderations:https://example.org/v1#m"])
def test_a_file_cannot_send_images_to_a_server(tmp_path: Path, loads: list[str], name: str) -> None:
    SafetyChecker(name).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="names a server"):
        SafetyChecker.from_pretrained(tmp_path)


def test_a_broken_file_is_an_error_and_not_a_pipeline_without_a_checker(tmp_path: Path, loads: list[str]) -> None:
    stable_diffusion(SafetyChecker("mini"), NoFeatures()).save_pretrained(tmp_path)
    (tmp_path / "safety_checker" / FILE_NAME).write_text('{"guard": "mini"}')
    with pytest.raises(UsageError, match="the key 'policy' is missing"):
        StableDiffusionPipeline.from_pretrained(tmp_path)


def test_a_pipeline_with_a_checker_is_moved_without_it() -> None:
    pipeline = stable_diffusion(SafetyChecker(saying(UNSAFE)), NoFeatures())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # diffusers warns of half precision on a CPU
        assert pipeline.to(torch.bfloat16).dtype == torch.bfloat16
    assert pipeline("a cat", **quick()).nsfw_content_detected == [True]


def test_latents_pass_the_hook_of_diffusers_and_not_our_guard() -> None:
    pipeline = stable_diffusion(SafetyChecker(saying(UNSAFE)), NoFeatures())
    assert not black(pipeline("a cat", **quick(output_type="latent")).images)  # why `guarded` is there
    with pytest.raises(UsageError, match="nobody has judged"):
        guarded(pipeline, saying(UNSAFE))("a cat", **quick(output_type="latent"))
    said = guarded(pipeline, saying(SAFE))("a cat", **quick(output_type="pil"))
    assert (said.nsfw_content_detected, black(said.images[0])) == ([False], True)


@pytest.mark.parametrize("name", WITHOUT_A_HOOK)
@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_pipelines_without_a_hook(name: str, output_type: str) -> None:
    pipeline, said = WITHOUT_A_HOOK[name]()
    settings = quick(**said, num_images_per_prompt=2, output_type=output_type)
    found = guarded(pipeline, saying(SAFE, UNSAFE))(**settings)
    assert [black(image) for image in found.images] == [False, True]
    assert [verdict.rating for verdict in found.verdicts] == [Rating.Safe, Rating.Unsafe]
    (images,) = guarded(pipeline, saying(UNSAFE), on_unsafe="drop")(**settings, return_dict=False)
    assert len(images) == 0


@pytest.mark.parametrize("name", WITHOUT_A_HOOK)
def test_neither_latents_nor_callbacks_pass(name: str) -> None:
    pipeline, said = WITHOUT_A_HOOK[name]()
    behind = guarded(pipeline, saying(SAFE))
    with pytest.raises(UsageError, match="nobody has judged"):
        behind(**quick(**said, output_type="latent"))
    with pytest.raises(UsageError, match="callback_on_step_end"):
        behind(**quick(**said), callback_on_step_end=lambda *inputs: {})


def test_mini_judges_what_a_pipeline_makes() -> None:
    pipeline, said = WITHOUT_A_HOOK["SDXL"]()
    found = guarded(pipeline, "mini")(**quick(**said))
    assert found.verdicts[0].model.name == "mini"
    assert found.verdicts[0].flagged  # random weights paint nothing that mini knows
    assert black(found.images[0])


def test_the_bench_makes_images_without_any_checker(tmp_path: Path, loads: list[str]) -> None:
    stable_diffusion(SafetyChecker("mini"), NoFeatures()).save_pretrained(tmp_path / "pipeline")
    pipeline = load_pipeline(str(tmp_path / "pipeline"), "cpu")
    assert pipeline.safety_checker is None
    wishes = [Wish(0, "a cat", (), seed=3, width=32, height=16), Wish(1, "a dog", (), width=16, height=16)]
    assert generate(pipeline, wishes, tmp_path / "images", steps=2) == 2
    made = [Image.open(tmp_path / "images" / f"0000{number}-0.png") for number in range(2)]
    assert [picture.size for picture in made] == [(32, 16), (16, 16)]
    assert not any(black(picture) for picture in made)
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_pipeline(str(tmp_path / "nowhere"), "cpu")
