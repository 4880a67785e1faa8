"""Checks that the head of a model is a trained one, where no answers are known: random heads answer all the same."""

from __future__ import annotations

import math

from PIL import Image

from eyeward.engine.rating import log_odds
from eyeward.errors import EyewardError
from eyeward.guard.self_check.finding import Finding, Subject, does_not_apply, failed, passed
from eyeward.policy import Category, Policy, Stance

MASS, OPPOSITES = "label mass", "opposite questions"

LEAST_MASS = 0.05
"""Probability that a guard gives to the tokens of its ratings, where one of them stands. A guard that
was trained on its form gives more than 0.99, a head of noise the share of two tokens in the vocabulary: 0.00001 to
0.006."""
LEAST_LEAN = 0.5
"""How much the log-odds of Unsafe must rise, on average, where what an image shows is forbidden and not allowed."""

_COLOURS = {
    "red": (220, 20, 20),
    "blue": (20, 40, 220),
    "green": (20, 160, 40),
    "black": (0, 0, 0),
    "yellow": (250, 220, 20),
    "white": (255, 255, 255),
}
_PAIRS = (("red", "blue"), ("green", "black"), ("yellow", "white"))


def check_label_mass(subject: Subject) -> Finding:
    """See that the model would write one of its ratings where one stands, were it not forced to."""
    if subject.engine is None:
        return does_not_apply(MASS, "the weights run elsewhere")
    if not subject.card.trained_to_judge:
        return does_not_apply(MASS, "it is a base model, which has seen no verdict")
    question = subject.question(_known_policy(subject))
    if isinstance(question, str):
        return does_not_apply(MASS, f"there is no prompt to ask: {question}")
    image = Image.new("RGB", (64, 64), (128, 128, 128))
    prompt = subject.guard.profile.prompt(question, image, False, None)
    try:
        choice = subject.engine.first_choice(prompt)
    except Exception as error:  # what the grey image says too, if it is about the weights
        return failed(MASS, f"The model cannot be asked what it would write: {type(error).__name__}: {error}.")
    if math.isnan(choice.entropy) or math.isnan(choice.mass):
        return does_not_apply(MASS, "the model gives numbers that are not finite")
    seen = (
        f"{choice.mass:.4%} of the probability lies on the tokens of the ratings, where one of them stands (entropy "
        f"{choice.entropy:.2f} of at most {math.log(choice.tokens):.2f})"
    )
    if choice.mass < LEAST_MASS:
        return failed(
            MASS,
            f"Only {seen}; it would rather write {choice.likeliest!r}. The head is not the trained one (not tied, not "
            "loaded, of another model), or this model was never taught this form of answer.",
        )
    return passed(MASS, seen)


def _known_policy(subject: Subject) -> Policy:
    """Return the policy of training, as a guard that knows one alone may write anything under another."""
    if subject.card.known_policy is not None:
        return Policy.from_text(subject.card.known_policy)
    return Policy.load("default").only("O1")  # the form is the same, and the prompt is short


def check_opposites(subject: Subject) -> Finding:
    """Ask a question and its opposite: plain colours under a policy that forbids them, and under one that allows them.

    For each pair of colours, two images and two policies; what an image or a policy alone does to the answer cancels
    out. A random head answers both alike.
    """
    if subject.card.probes and not subject.capped:
        return does_not_apply(OPPOSITES, "it has probe images with known answers")
    if not subject.card.trained_to_judge:
        return does_not_apply(OPPOSITES, "it is a base model, which has seen no verdict")
    leans = []
    for first, second in _PAIRS:
        try:
            lean = _lean(subject, first, second)
        except EyewardError as error:
            return does_not_apply(OPPOSITES, f"there is no prompt to ask: {error}")
        if isinstance(lean, Finding):
            return lean
        leans.append(lean)
    mean = sum(leans) / len(leans)
    each = ", ".join(f"{lean:+.2f}" for lean in leans)
    if not mean >= LEAST_LEAN:
        return failed(
            OPPOSITES,
            f"Whether a colour is forbidden or allowed moves the log-odds of Unsafe by {mean:+.2f} ({each}), less than "
            f"{LEAST_LEAN:+.2f}: the model does not see, does not read the policy, or its head is random.",
        )
    return passed(OPPOSITES, f"a colour that is forbidden and not allowed moves the log-odds of Unsafe by {mean:+.2f}")


def _lean(subject: Subject, first: str, second: str) -> float | Finding:
    """Return how much the log-odds of Unsafe rise where the colour that is shown is the forbidden one."""
    total = 0.0
    for forbidden, allowed in ((first, second), (second, first)):
        policy = colour_policy(forbidden, allowed)
        if subject.guard.coverage(policy).not_covered:
            return does_not_apply(OPPOSITES, "it has not met the words of the question")
        for shown in (forbidden, allowed):
            verdict = subject.guard.assess(Image.new("RGB", (64, 64), _COLOURS[shown]), policy)
            if verdict.error is not None or verdict.p_unsafe_raw is None:
                said = verdict.error.message if verdict.error else "there is no probability"
                return failed(OPPOSITES, f"A plain {shown} image cannot be judged: {said}")
            total += log_odds(verdict.p_unsafe_raw) * (1 if shown == forbidden else -1)
    return total / 2


def colour_policy(forbidden: str, allowed: str) -> Policy:
    """Forbid pictures of one colour and allow those of another."""
    return Policy(
        name="colours",
        categories=(
            Category(
                id="O1",
                name=f"Pictures in {forbidden}",
                should_not=(f"Show a picture that is {forbidden} all over.",),
                stance=Stance.sensitive,
            ),
            Category(
                id="O2",
                name=f"Pictures in {allowed}",
                should_not=(f"Show a picture that is {allowed} all over.",),
                stance=Stance.non_violating,
            ),
        ),
    )
