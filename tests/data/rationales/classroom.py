"""Teachers without weights, and folders of labels that want reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from eyeward.data.folder import SampleFolder, SampleWriter
from eyeward.data.sample import Sample
from eyeward.engine.protocol import Forced, Prompt, RawAnswer, TextSegment
from eyeward.errors import ErrorType
from eyeward.guard import EyewardCard, Guard, Vocabulary
from eyeward.guard.llavaguard import LlavaGuardProfile
from eyeward.policy import Policy
from eyeward.verdict import NA, Failure, ModelRef, Rating
from tests.fakes import CAPABILITIES, FakeEngine, model_text

DEFAULT = Policy.load("default")
O6 = DEFAULT.category("O6")
FORBIDDEN, ALLOWED = O6.should_not[0], O6.can[0]
SEEN = " A thing lies on a table."
"""A reason that is right about every label: it argues for nothing and names nothing."""

Answer = Callable[[Prompt], RawAnswer]


def wrote(prompt: Prompt, text: str, cut: bool = False) -> RawAnswer:
    """Answer a guided prompt as an engine that obeys the protocol."""
    given = {slot.name: slot.labels[0] for slot in prompt.form.label_slots}
    return RawAnswer(written={**given, "rationale": text}, cut=cut)


def writing(*texts: str | RawAnswer) -> Answer:
    """Write these texts in turn, the last one for ever."""
    left = list(texts)

    def answer(prompt: Prompt) -> RawAnswer:
        text = left.pop(0) if len(left) > 1 else left[0]
        return text if isinstance(text, RawAnswer) else wrote(prompt, text)

    return answer


def failure(type: ErrorType = ErrorType.engine_unavailable, message: str = "Nobody is there.") -> RawAnswer:
    """Answer with an error."""
    return RawAnswer(error=Failure(type=type, message=message))


def teacher(answer: Answer, name: str = "teacher", at_once: int = 32, unknown: tuple[str, ...] | None = None) -> Guard:
    """Make a guard that writes what it is told; `unknown` are words that it has never met."""
    engine = FakeEngine(answer)
    engine.capabilities = replace(CAPABILITIES, prompts_at_once=at_once)
    vocabulary = Vocabulary.any if unknown is None else Vocabulary.met_in_training
    return Guard(
        engine=engine,
        profile=LlavaGuardProfile(EyewardCard(name=name, vocabulary=vocabulary), model_text(unknown or ())),
        model=ModelRef(name=name, revision="1", engine="fake"),
    )


def asked(guard: Guard) -> list[Prompt]:
    """Return all prompts that the engine of a guard was given."""
    assert isinstance(guard.engine, FakeEngine)
    return [prompt for call in guard.engine.calls for prompt in call]


def text_of(prompt: Prompt) -> str:
    """Return the text of a prompt."""
    return "".join(s.text if isinstance(s, TextSegment) else "[image]" for s in prompt.segments)


def given(prompt: Prompt) -> tuple[str, str, str]:
    """Return rating, category and the beginning of the rationale that stand in the answer already."""
    rating, category = (slot.labels for slot in prompt.form.label_slots)
    before = prompt.form.parts[-3]
    assert isinstance(before, Forced) and len(rating) == len(category) == 1
    return rating[0], category[0], before.text.partition('"rationale": "')[2]


def sample(image: str = "a.png", rating: Rating = Rating.Unsafe, category: str = O6.label, **more: object) -> Sample:
    """Label an image."""
    return Sample.model_validate({"image": image, "group": image, "rating": rating, "category": category, **more})


def plain(number: int) -> Sample:
    """Label an image of its own, every third of which touches nothing."""
    safe = number % 3 == 2
    return sample(f"{number}.png", Rating.Safe if safe else Rating.Unsafe, NA if safe else O6.label)


def written(folder: Path, samples: Iterable[Sample]) -> Path:
    """Write labels and their images, each of one grey."""
    folder.mkdir()
    writer = SampleWriter(folder)
    for number, each in enumerate(samples):
        Image.new("RGB", (12, 12), (number * 20 % 256,) * 3).save(folder / each.image)
        writer.write(each)
    writer.finish()
    return folder


def read(folder: Path) -> list[Sample]:
    """Read labels back."""
    return list(SampleFolder(folder))
