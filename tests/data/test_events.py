from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eyeward.data.events import Folded, LabelEvent, LabelField, fold, read_events
from eyeward.data.rationales.origin import RationaleOrigin, Writer
from eyeward.data.sample import Sample, Severity
from eyeward.errors import DataError
from eyeward.verdict import NA, Rating
from tests.data.drawn import DEFAULT, SCENES

WEAPONS = "O6: Weapons or Substance Abuse"
START = datetime(2026, 1, 1, tzinfo=UTC)
SAFE = Sample(image="a.png", group="a", category=NA, rating=Rating.Safe, severity=Severity.GENERALLY_SAFE)


def folded(samples: list[Sample], events: list[LabelEvent]) -> Folded:
    return fold([(sample, sample.image[0] * 64) for sample in samples], events, lambda sample: DEFAULT)


def event(number: int, field: str, new: str | None, image: str = "a", /, **more: object) -> LabelEvent:
    values = {
        "id": f"e{number}",
        "time": START + timedelta(seconds=number),
        "user": "anna",
        "image_sha256": image * 64,
        "field": field,
        "old": None,
        "new": new,
        "revealed": False,
        "ms": 900,
    }
    return LabelEvent.model_validate({**values, **more})


UNSAFE = [event(1, "rating", "Unsafe"), event(2, "category", WEAPONS), event(3, "severity", "highly_unsafe")]


def test_decisions_about_one_sample_count_together() -> None:
    done = folded([SAFE], UNSAFE)
    (sample,) = done.samples
    assert (sample.rating, sample.category, sample.severity) == (Rating.Unsafe, WEAPONS, Severity.HIGHLY_UNSAFE)
    assert sample.annotator == "anna"
    assert done.report.taken == 3
    assert done.changed == {0}


@pytest.mark.parametrize("missing", range(2))
def test_decisions_that_contradict_each_other_change_nothing_and_are_named(missing: int) -> None:
    done = folded([SAFE], [item for place, item in enumerate(UNSAFE) if place != missing])
    assert done.samples == (SAFE,)
    assert [(item.reason, item.rows) for item in done.report.discarded] == [("contradiction", 2)]


def test_a_severity_that_nobody_decided_goes_with_the_rating_that_it_belonged_to() -> None:
    done = folded([SAFE], UNSAFE[:2])
    assert (done.samples[0].rating, done.samples[0].severity) == (Rating.Unsafe, None)
    (kept,) = folded([SAFE], [event(1, "rating", "Safe")]).samples
    assert kept.severity is Severity.GENERALLY_SAFE


def test_the_last_decision_counts_and_an_event_counts_once() -> None:
    events = [event(5, "rationale", "second"), event(4, "rationale", "first"), event(5, "rationale", "second")]
    done = folded([SAFE], events)
    assert done.samples[0].rationale == "second"
    assert [(item.reason, item.rows) for item in done.report.discarded] == [("repeated", 1)]


def test_an_event_is_about_an_image_under_a_policy() -> None:
    strict = SAFE.model_copy(update={"policy": DEFAULT.sensitive("O6").hash})
    events = [event(1, "rationale", "x", policy_hash=strict.policy), event(2, "rationale", "y", "b")]
    done = folded([SAFE, strict], events)
    assert [sample.rationale for sample in done.samples] == [None, "x"]
    assert [item.reason for item in done.report.discarded] == ["unknown_image"]


@given(st.lists(st.tuples(st.sampled_from(list(LabelField)), st.sampled_from(["Safe", "Unsafe", NA, WEAPONS, None]))))
def test_the_order_in_which_events_are_read_does_not_matter(decisions: list[tuple[LabelField, str | None]]) -> None:
    events = [event(number, field, new) for number, (field, new) in enumerate(decisions)]
    once = folded([SAFE], events)
    assert folded([SAFE], random.Random(1).sample(events, len(events))) == once
    assert once.report.rows == len(events)


@pytest.mark.parametrize(
    "change", [{"time": "2026-01-01T00:00:00"}, {"image_sha256": "x"}, {"ms": -1}, {"field": "image"}, {"extra": 1}]
)
def test_an_event_without_a_zone_or_with_anything_unknown_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        event(1, "rating", "Safe", **change)


def test_a_reason_that_a_reviewer_wrote_is_no_longer_from_whoever_wrote_the_old_one() -> None:
    sample = SAFE.model_copy(update={"rationale": "A dog.", "rationale_from": RationaleOrigin(writer=Writer.rules)})
    (same,) = folded([sample], [event(1, "severity", "barely_safe")]).samples
    assert same.rationale_from == RationaleOrigin(writer=Writer.rules)
    for text in ("A cat.", None):
        (changed,) = folded([sample], [event(1, "rationale", text)]).samples
        assert (changed.rationale, changed.rationale_from) == (text, None)


def test_every_sample_of_an_image_under_a_policy_is_changed() -> None:
    twice = [SAFE, SAFE.model_copy(update={"source": "elsewhere", "policy": DEFAULT.hash})]
    done = folded(twice, [event(1, "rationale", "x"), event(2, "rationale", "y", policy_hash=DEFAULT.hash)])
    assert [sample.rationale for sample in done.samples] == ["y", "y"]
    assert (done.report.rows, done.report.taken, done.changed) == (2, 2, frozenset((0, 1)))


def test_a_category_that_the_policy_does_not_have_is_not_taken() -> None:
    done = folded([SAFE], [event(1, "rating", "Unsafe"), event(2, "category", "O77: Cooking"), UNSAFE[2]])
    assert done.samples == (SAFE,)
    assert [(item.reason, item.rows) for item in done.report.discarded] == [("unknown_category", 3)]


def test_events_are_read_line_by_line_and_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{item.model_dump_json()}\n" for item in UNSAFE) + "\n", encoding="utf-8")
    assert read_events(file) == UNSAFE
    file.write_text(f'{UNSAFE[0].model_dump_json()}\n{{"id": "cut', encoding="utf-8")
    with pytest.raises(DataError, match=r"events\.jsonl:2: .*mend the line, or take it away"):
        read_events(file)
    with pytest.raises(DataError, match="cannot be read"):
        read_events(tmp_path / "none.jsonl")


def test_a_scene_whose_label_a_reviewer_changed_is_no_longer_decided_by_its_graph() -> None:
    drawn = SAFE.model_copy(update={"scene": SCENES[1]})
    assert folded([drawn], UNSAFE).samples[0].scene is None
    assert folded([drawn], [event(1, "rationale", "A dog.")]).samples[0].scene == SCENES[1]
