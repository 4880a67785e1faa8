"""Where the labels of an answer are given, every engine writes the free text behind them, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eyeward.engine.local.checkpoint import load_checkpoint
from eyeward.engine.local.engine import LocalEngine
from eyeward.engine.protocol import AnswerForm, Forced, LabelSlot, Part, Prompt, TextSlot
from eyeward.engine.remote.servers import ServerKind
from eyeward.errors import ErrorType
from eyeward.guard.forms import CATEGORY, COMPACT, PUBLISHED_2025_ANSWER, RATING, RATIONALE, AnswerWording
from eyeward.verdict import NA, Rating
from tests.engine.local.questions import INDENTED, NONE, WEAPONS, form, picture
from tests.engine.local.questions import prompt as local_prompt
from tests.engine.local.tiny import make_checkpoint
from tests.engine.remote.asking import connected, local_text
from tests.engine.remote.asking import prompt as remote_prompt
from tests.engine.remote.fake_model import FakeModel
from tests.engine.remote.fake_server import LABELS, FakeServer, Trouble
from tests.engine.vllm.fake_vllm import RATIONALE as WRITTEN
from tests.engine.vllm.test_engine import engine as vllm_engine
from tests.engine.vllm.test_engine import replica

OPENING = "The image shows"
KINDS = list(ServerKind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tiny")
    make_checkpoint(place)
    return place


def given(of: AnswerForm, labels: dict[str, str], opening: str = "") -> AnswerForm:
    """Return a form with these labels for its only ones, and its free text begun."""
    parts: list[Part] = [
        LabelSlot(part.name, (labels[part.name],)) if isinstance(part, LabelSlot) else part for part in of.parts
    ]
    place = next(n for n, part in enumerate(parts) if isinstance(part, TextSlot))
    before = parts[place - 1]
    assert isinstance(before, Forced)
    parts[place - 1] = Forced(before.text + opening)
    return AnswerForm(tuple(parts))


@pytest.mark.parametrize("layout", [None, INDENTED])
@pytest.mark.parametrize("image_first", [False, True])
def test_given_its_own_labels_a_model_writes_the_same_answer(
    folder: Path, layout: tuple[str, str, str, str] | None, image_first: bool
) -> None:
    engine = LocalEngine(load_checkpoint(folder, dtype="float32"))
    free = form() if layout is None else form(layout)
    asked = [local_prompt(picture(n), explain=True, answer=free, image_first=image_first) for n in range(6)]
    own = list(engine.judge(asked))
    again = [
        replace(prompt, form=given(free, {slot.name: answer.written[slot.name] for slot in free.label_slots}))
        for prompt, answer in zip(asked, own, strict=True)
    ]
    for mine, yours in zip(engine.judge(again), own, strict=True):
        assert mine.error is None, mine.error
        assert (mine.text, mine.token_ids, mine.cut) == (yours.text, yours.token_ids, yours.cut)
        assert dict(mine.written) == dict(yours.written)


def test_given_other_labels_and_an_opening_the_answer_has_them_and_is_json(folder: Path) -> None:
    engine = LocalEngine(load_checkpoint(folder, dtype="float32"))
    for labels in ({"rating": "Unsafe", "category": WEAPONS}, {"rating": "Safe", "category": NONE}):
        begun = given(form(), labels, OPENING)
        asked = [local_prompt(picture(n), explain=True, answer=begun) for n in range(4)]
        *explained, free = engine.judge([*asked, local_prompt(picture(9), explain=True)])
        assert free.error is None and len(free.scores) == 3
        for answer in explained:
            assert answer.error is None, answer.error
            assert json.loads(answer.text) == {**labels, "rationale": OPENING + answer.written["rationale"]}
            assert {name: answer.written[name] for name in labels} == labels


def test_vllm_is_asked_for_the_free_text_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = load_checkpoint(folder, dtype="float32")
    labels = {"rating": "Unsafe", "category": WEAPONS}
    asked = local_prompt(picture(0), explain=True, answer=given(form(), labels))
    open_one = local_prompt(picture(1), explain=True)
    answer, other = vllm_engine(checkpoint, replica(folder, monkeypatch)).judge([asked, open_one])
    assert answer.error is None and other.error is None
    assert dict(answer.written) == {**labels, "rationale": WRITTEN}
    assert json.loads(answer.text) == dict(answer.written)


def guided(level: int, rating: Rating, category: str, opening: str = "", wording: AnswerWording = COMPACT) -> Prompt:
    asked = remote_prompt(level, explain=True, wording=wording)
    return replace(asked, form=wording.guided(rating, category, opening), rating_rule=None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("opening", ["", OPENING])
@pytest.mark.parametrize(("rating", "category"), [(Rating.Safe, LABELS["O6"]), (Rating.Unsafe, LABELS["O9"])])
def test_every_kind_of_server_explains_a_label_that_its_model_would_not_give(
    kind: ServerKind, opening: str, rating: Rating, category: str
) -> None:
    model = FakeModel()
    model.rationale = f"{OPENING} a bright place."
    local = local_text() if kind is ServerKind.sglang else None
    with FakeServer(kind, model) as server, connected(server, local) as engine:
        (answer,) = engine.judge([guided(120, rating, category, opening)])
        judging = [body for path, body in server.requests if "A policy" in str(body)]
    assert answer.error is None, answer.error
    assert answer.written[RATING] == rating
    assert answer.written[CATEGORY] == category
    assert opening + answer.written[RATIONALE] == model.rationale
    assert len(judging) == 1, "one question, for there is nothing to score"
    assert json.loads(answer.text) == {"rating": rating, "category": category, "rationale": model.rationale}


def test_a_published_form_is_explained_as_it_is_written() -> None:
    model = FakeModel(indent=4)
    for kind in (ServerKind.vllm, ServerKind.openai):
        with FakeServer(kind, model) as server, connected(server) as engine:
            (answer,) = engine.judge([guided(200, Rating.Safe, NA, wording=PUBLISHED_2025_ANSWER)])
        assert answer.written[RATIONALE] == model.rationale
        assert answer.written[CATEGORY] == NA


def test_a_chat_template_that_spoils_what_is_continued_is_noticed_here_too() -> None:
    with FakeServer(broken_template=True) as server, connected(server) as engine:
        (answer,) = engine.judge([guided(200, Rating.Safe, NA)])
        judging = [body for body in server.bodies("/v1/chat/completions") if "A policy" in str(body)]
    assert answer.written[RATIONALE] == FakeModel().rationale
    assert judging and all("continue_final_message" not in body for body in judging)


def test_a_server_that_holds_no_form_and_writes_another_label_is_not_believed() -> None:
    with (
        FakeServer(ServerKind.openai, unknown_fields=("response_format",)) as server,
        connected(server) as engine,
    ):
        (answer,) = engine.judge([guided(250, Rating.Safe, NA)])
    assert answer.error is not None and answer.error.type is ErrorType.unparsable_answer
    assert not answer.written


def test_a_reason_that_does_not_begin_as_it_should_is_not_believed() -> None:
    with FakeServer(ServerKind.openai) as server, connected(server) as engine:
        (answer,) = engine.judge([guided(250, Rating.Unsafe, LABELS["O2"], OPENING)])
    assert answer.error is not None and answer.error.type is ErrorType.unparsable_answer
    assert "does not begin its rationale with 'The image shows'" in answer.error.message


def test_a_server_that_names_no_probabilities_can_still_explain() -> None:
    with (
        FakeServer(ServerKind.openai, trouble=lambda image, times: Trouble.no_logprobs) as server,
        connected(server) as engine,
    ):
        (answer,) = engine.judge([guided(250, Rating.Unsafe, LABELS["O2"])])
    assert answer.written[RATIONALE] == FakeModel().rationale
