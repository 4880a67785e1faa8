"""What other guards are asked: run this module to write the texts anew, then read the difference before a commit."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from eyeward.engine.protocol import Segment, TextSegment
from eyeward.engine.separate import SeparateQuestions
from eyeward.guard.other_guards import card_of
from eyeward.guard.profile import Profile, find_profile
from eyeward.policy import Policy
from tests.fakes import model_text

FOLDER = Path(__file__).parent.parent.parent / "golden" / "other_guards"
POLICY = Policy.load("default").only("O4", "O6", "O9").sensitive("O4").non_violating("O9")
ASKED = {
    "llama_guard.published": ("llama_guard", True),
    "llama_guard.policy": ("llama_guard", False),
    "shieldgemma2": ("shieldgemma2", True),
    "zero_shot": ("zero_shot", False),
}


def profile(name: str, template_asks: bool) -> Profile:
    """Make a profile over a tokenizer that knows every word."""
    card = card_of(name, "m").model_copy(update={"template_asks": template_asks})
    made: Profile = find_profile(name)(card, model_text())
    return made


def text(name: str) -> str:
    """Return all that a guard is asked about one image under the policy."""
    asking = profile(*ASKED[name])
    prompt = asking.prompt(asking.question(POLICY), Image.new("RGB", (8, 8)), False, None)
    questions = prompt.questions if isinstance(prompt, SeparateQuestions) else (prompt,)
    return "\n\n=====\n\n".join("".join(map(_shown, question.segments)) for question in questions) + "\n"


def _shown(segment: Segment) -> str:
    return segment.text if isinstance(segment, TextSegment) else "[image]"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in ASKED:
        (FOLDER / f"{name}.txt").write_text(text(name), encoding="utf-8")
