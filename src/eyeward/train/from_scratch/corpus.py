"""Every text that mini may read or write, as the corpus of its tokenizer."""

from __future__ import annotations

import random
from collections.abc import Iterator

from eyeward.policy import EYEWARD, Policy
from eyeward.scenes import wordings
from eyeward.scenes.caption import caption
from eyeward.scenes.facts import CATEGORY_NAMES, FACTS, Context
from eyeward.scenes.graph import BACKGROUNDS
from eyeward.scenes.rationale import rationale
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide
from eyeward.train.from_scratch.base_lessons import PLACE_QUESTION, SUBJECT_QUESTION, question_texts
from eyeward.train.from_scratch.lessons import answer_text
from eyeward.verdict import NA

_SCENES = 4000


def corpus() -> Iterator[str]:
    """Yield the texts; the set of their words is the same in every run."""
    for fact in FACTS:
        for wording in fact.wordings:
            yield f"- {wording}\n* {wording}\n{wording}\n: {wording}."
    for category, names in CATEGORY_NAMES.items():
        for name in names:
            yield f"{category}: {name}\nCategory {category} is category {category}."
            yield f"all of {name}. {name} is {category}."
    for declaration in (*wordings.non_violating_declarations(), *wordings.sensitive_declarations()):
        yield declaration.replace("{id}", "O1").replace("{name}", "")
    yield from wordings.start_sentences()
    yield from (*wordings.SHOULD_NOT_HEADINGS, *wordings.CAN_HEADINGS, *wordings.EXAMPLES_HEADINGS)
    yield from wordings.ANSWER_FORMS
    yield from ("\n".join(steps) for steps in wordings.STEPS)
    yield from (EYEWARD.start_sentence, EYEWARD.answer_form, EYEWARD.examples_heading)
    yield "user\nassistant\n system\n"
    yield "".join(answer_text("Unsafe", NA, "x")) + '{"rating": "Safe'
    yield from question_texts()
    yield f"{SUBJECT_QUESTION} {PLACE_QUESTION} none. None."
    yield " ".join(BACKGROUNDS)
    rng = random.Random(0)
    default = Policy.load("default")
    stances = (default, default.non_violating(*CATEGORY_NAMES), default.sensitive(*CATEGORY_NAMES))
    for seed in range(_SCENES):
        graph = sample_scene(seed, "train")
        yield caption(graph)
        policy = rng.choice(stances)
        yield rationale(graph, decide(graph, policy))
    yield "No rule of O1 forbids it. No category applies."
    yield " ".join(context.value for context in Context)
