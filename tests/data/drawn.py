"""Random samples for property tests, and pictures that differ from each other."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from pydantic import JsonValue

from eyeward.data import changes
from eyeward.data.rationales.guidance import Guidance
from eyeward.data.rationales.origin import RationaleOrigin, Writer
from eyeward.data.sample import Sample, Severity, Split
from eyeward.policy import Policy, Stance
from eyeward.verdict import NA, ModelRef

DEFAULT = Policy.load("default")
LABELS = DEFAULT.labels
SCENES: tuple[dict[str, JsonValue] | None, ...] = (None, {"seed": 1, "slots": {"a": "b"}})

_words = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)
_ids = st.sampled_from(DEFAULT.ids)
_origins = st.sampled_from(
    (
        RationaleOrigin(writer=Writer.rules),
        RationaleOrigin(
            writer=Writer.teacher, teacher=ModelRef(name="a", revision="1", engine="local"), guidance=Guidance.opened
        ),
    )
)
_changes = st.one_of(
    st.builds(changes.StanceChanged, category=_ids, to=st.sampled_from(list(Stance))),
    st.builds(changes.CategoryRemoved, category=_ids),
    st.builds(changes.CategoryRenamed, category=_ids, to=_words),
    st.builds(changes.CategoriesReordered, order=st.permutations(DEFAULT.ids).map(tuple)),
    st.builds(changes.RuleMoved, category=_ids, rule=_words, to=st.sampled_from(("should_not", "can"))),
    st.builds(changes.RuleAdded, category=_ids, rule=_words, to=st.sampled_from(("should_not", "can"))),
    st.builds(changes.WordingChanged, field=st.just("steps"), to=st.lists(_words, max_size=3).map(tuple)),
    st.builds(changes.WordingChanged, field=st.just("start_sentence"), to=_words),
)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw a sample that contradicts itself nowhere."""
    severity = draw(st.sampled_from(list(Severity)))
    category = draw(st.sampled_from(LABELS if "_unsafe" in severity else (*LABELS, NA)))
    rationale = draw(st.none() | _words)
    return Sample(
        image=draw(st.sampled_from(("a.png", "images/b.jpg", "images/é.webp"))),
        category=category,
        categories=draw(st.sampled_from(((), (category,)))),
        rating=severity.rating,
        severity=draw(st.sampled_from((severity, None))),
        rationale=rationale,
        rationale_from=draw(st.none() | _origins) if rationale else None,
        scene=draw(st.sampled_from(SCENES)),
        split=draw(st.none() | st.sampled_from(list(Split))),
        annotator=draw(st.none() | _words),
        group=draw(_words),
        policy=draw(st.sampled_from((None, DEFAULT.hash, DEFAULT.sensitive("O2")))),
        changes=tuple(draw(st.lists(_changes, max_size=3))),
    )


def picture(seed: int, size: int = 64) -> Image.Image:
    """Return a smooth picture, another one for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options: int) -> bytes:
    """Return the bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def write_picture(path: Path, seed: int, size: int = 64) -> Path:
    """Write a picture of its own for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(seed, size)))
    return path
