"""Pipelines of diffusers that have no place for a safety checker: SDXL, SD3, Flux, Qwen-Image and the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import eyeward
from eyeward.annotate.judging import Judge
from eyeward.errors import PromptRefused, UsageError
from eyeward.moderate.batches import ArrayBatch, PictureBatch, TensorBatch, batch_of
from eyeward.moderate.ruling import Action, Ruling
from eyeward.moderate.showing import Shown, Watch, shown
from eyeward.policy import Policy

_FORMS: Mapping[str, type[PictureBatch | ArrayBatch | TensorBatch]] = {
    "pil": PictureBatch,
    "np": ArrayBatch,
    "pt": TensorBatch,
}
"""What each output_type comes as; without an output_type, pictures are the only images that are no latents for sure."""
_MAKES_VIDEO = frozenset(("num_frames", "video_length", "num_videos_per_prompt"))
_FLAGS = frozenset(("nsfw_content_detected", "nsfw_detected"))
"""What outputs call their list of flagged images."""
_NO_WISH = ("negative", "neg_", "output_type", "callback", "prior_callback", "device")
"""What arguments begin with whose texts ask for no content."""
_WISH = ("prompt", "embed", "input_ids", "token_ids", "text_model_output")
"""What is in the names of arguments that ask for content, so that text alone is taken there."""

PromptCheck = Callable[[str], str | None]
"""From a prompt to the reason why nothing is generated for it, or None."""


def guarded(
    pipeline: Any,
    guard: Judge | str = "mini",
    policy: Policy | str = "default",
    on_unsafe: Action | str = Action.blank,
    on_review: Action | str | None = None,
    *,
    prompt_check: PromptCheck | None = None,
    allow_callbacks: bool = False,
    explain: bool = False,
    watch: Watch | None = None,
) -> GuardedPipeline:
    """Judge every image of a pipeline before it is given out.

    `on_unsafe` says what becomes of an image that is not Safe: `blank`, `blur`, `drop`, `raise` or `report`;
    `on_review` of one on which the guard abstains, by default the same. An image that could not be judged is not Safe.
    The output is that of the pipeline, with `verdicts` beside its images; `watch` is told them, too.

    Latents are not given out, and callbacks, which see them, need `allow_callbacks`. With a `prompt_check`, all text is
    asked about before anything is generated, but for negative prompts; where there is none, nothing is generated.

    Raises:
        UsageError: for a pipeline that makes video, or a word that is no action.
    """
    return GuardedPipeline(
        pipeline,
        eyeward.load_guard(guard) if isinstance(guard, str) else guard,
        policy if isinstance(policy, Policy) else Policy.load(policy),
        Ruling.of(on_unsafe, on_review),
        prompt_check,
        allow_callbacks,
        explain,
        watch,
    )


class GuardedPipeline:
    """A pipeline behind a guard; `guarded` makes one. What configures the pipeline is on `.pipeline`."""

    def __init__(
        self,
        pipeline: Any,
        guard: Judge,
        policy: Policy,
        ruling: Ruling,
        prompt_check: PromptCheck | None,
        allow_callbacks: bool,
        explain: bool,
        watch: Watch | None,
    ) -> None:
        self.pipeline = pipeline
        self.guard = guard
        self.policy = policy
        self.ruling = ruling
        self._prompt_check = prompt_check
        self._allow_callbacks = allow_callbacks
        self._explain = explain
        self._watch = watch
        self._signature = inspect.signature(pipeline)
        video = _MAKES_VIDEO & self._signature.parameters.keys()
        if video:
            raise UsageError(
                f"{type(pipeline).__name__} makes video (it takes {', '.join(sorted(video))}), which is not guarded; "
                "judge its frames with guard.assess_many before they are shown."
            )

    def __getattr__(self, name: str) -> object:
        """Point to the pipeline: a method of it that returns itself would lead past the guard."""
        raise AttributeError(f"A guarded pipeline has no {name!r}; what the pipeline itself has is on .pipeline.")

    def to(self, *args: object, **kwargs: object) -> Self:
        """Move the pipeline; the guard stays on its device."""
        self.pipeline.to(*args, **kwargs)
        return self

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Generate, judge, and give out what may be seen.

        Raises:
            UsageError: for latents and callbacks, and when the pipeline returns something else than images.
            PromptRefused: when the prompt is refused, or there is none that could be checked.
            Withheld: when an image is not Safe and the action for it is `raise`.
        """
        call = self._signature.bind(*args, **kwargs)
        said = _arguments(call)
        output = self._output_type(said)
        self._refuse_callbacks(said)
        self._check_prompts(said)
        if "return_dict" in self._signature.parameters:
            call.arguments["return_dict"] = True
        elif "return_dict" in said:
            raise UsageError("This pipeline takes no return_dict; leave it out.")
        result = self.pipeline(*call.args, **call.kwargs)
        return self._given_out(result, output, wants_tuple=not said.get("return_dict", True))

    def _output_type(self, said: Mapping[str, object]) -> str | None:
        """Return in which form images will come; None where the pipeline has but one."""
        parameter = self._signature.parameters.get("output_type")
        if parameter is None and "output_type" not in said:
            return None
        asked = said.get("output_type", None if parameter is None else parameter.default)
        if not isinstance(asked, str) or asked not in _FORMS:
            raise UsageError(
                f"output_type {asked!r} would give out what nobody has judged; ask for 'pil', 'np' or 'pt'. To refine "
                "latents, call the first pipeline as it is, and guard the one that makes the image."
            )
        return asked

    def _refuse_callbacks(self, said: Mapping[str, object]) -> None:
        callbacks = [name for name, value in said.items() if name.startswith("callback") and callable(value)]
        if callbacks and not self._allow_callbacks:
            raise UsageError(
                f"{', '.join(callbacks)} would see latents that nobody has judged; leave it out, or, where it shows "
                "them to nobody, say guarded(..., allow_callbacks=True)."
            )

    def _check_prompts(self, said: Mapping[str, object]) -> None:
        if self._prompt_check is None:
            return
        checked = 0
        for name, value in said.items():
            if name.startswith(_NO_WISH) or isinstance(value, int | float):
                continue
            for text in _texts(value):
                if text is None and any(part in name for part in _WISH):
                    raise PromptRefused(f"{name} is no text, so it cannot be checked; give the prompt as text.")
                reason = None if text is None else self._prompt_check(text)
                if reason is not None:
                    raise PromptRefused(f"Nothing is generated for this prompt: {reason}")
                checked += text is not None
        if not checked:
            raise PromptRefused(
                "There is no prompt here that could be checked, so nothing is generated; give it as text, or guard "
                "this pipeline without a prompt_check."
            )

    def _given_out(self, result: Any, output: str | None, wants_tuple: bool) -> Any:
        """Return what the pipeline returned, with images that may be seen."""
        if callable(getattr(result, "to_tuple", None)):  # the outputs of diffusers, which are also dictionaries
            _check_others({name: value for name, value in result.items() if name != "images"})
            found = self._shown(result.get("images"), output)
            fields: dict[str, Any] = {"images": found.images}
            fields |= {name: list(found.flagged) for name in _FLAGS if hasattr(result, name)}
            for name, value in fields.items():
                result[name] = value
            result.verdicts = found.verdicts
            return result.to_tuple() if wants_tuple else result
        if isinstance(result, tuple) and result:
            _check_others({f"[{place}]": value for place, value in enumerate(result) if place})
            return (self._shown(result[0], output).images, *result[1:])
        return self._shown(result, output).images

    def _shown(self, images: object, output: str | None) -> Shown:
        batch = batch_of(images)
        if not isinstance(batch, _FORMS[output or "pil"]):
            raise UsageError(
                f"The pipeline returned a {type(images).__name__} where {output or 'pil'!r} was expected; it may be "
                "latents, so nothing is given out."
            )
        return shown(batch, self.guard, self.policy, self.ruling, self._explain, self._watch)


def _arguments(call: inspect.BoundArguments) -> dict[str, object]:
    """Return what was said by name, in whatever way it was handed over."""
    said: dict[str, object] = {}
    for name, value in call.arguments.items():
        kind = call.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            said |= value
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            said |= {f"{name}[{place}]": part for place, part in enumerate(value)}
        else:
            said[name] = value
    return said


def _texts(value: object) -> Iterator[str | None]:
    """Yield every text in what was given for one argument, and None for each part that is none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, Mapping):
        yield from _texts([part for part in value.values() if not isinstance(part, int | float)])
    elif value is not None:
        yield None


def _check_others(fields: Mapping[str, object]) -> None:
    """Refuse outputs that hold anything beside the images but words, numbers and flags: it may be pictures, too."""
    for name, value in fields.items():
        parts = value if isinstance(value, list | tuple) else [value]
        if not all(part is None or isinstance(part, bool | int | float | str) for part in parts):
            raise UsageError(
                f"The pipeline returned {name!r} beside its images, which cannot be judged, so nothing is given out."
            )
