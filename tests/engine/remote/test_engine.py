"""The remote engine gives the same answers on every kind of server, and names what goes wrong."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable

import pytest

from eyeward.engine.protocol import RawAnswer
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.servers import Scoring, ServerKind
from eyeward.engine.remote.settings import KEY_VARIABLE
from eyeward.errors import ErrorType, UsageError
from eyeward.guard.forms import CATEGORY, PUBLISHED_2025_ANSWER, RATING, RATIONALE
from eyeward.verdict import NA
from tests.engine.remote.asking import RULE, connected, local_text, p_unsafe, prompt, quick, sent
from tests.engine.remote.fake_model import CATEGORIES, FakeModel
from tests.engine.remote.fake_server import LABELS, FakeServer, Trouble

KINDS = list(ServerKind)


def one(server: FakeServer, level: int = 60, explain: bool = False, **changes: float) -> RawAnswer:
    with connected(server, local_text() if server.kind is ServerKind.sglang else None, **changes) as engine:
        (answer,) = engine.judge([prompt(level, explain)])
    return answer


def always(trouble: Trouble) -> Callable[[str, int], Trouble | None]:
    return lambda image, times: trouble


def once(trouble: Trouble) -> Callable[[str, int], Trouble | None]:
    return lambda image, times: trouble if times == 0 else None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [10, 120, 140, 250])
def test_every_kind_of_server_gives_the_probabilities_of_its_model(kind: ServerKind, level: int) -> None:
    with FakeServer(kind) as server:
        answer = one(server, level, explain=True)
    assert p_unsafe(answer) == pytest.approx(level / 255, abs=1e-6)
    assert answer.unseen == pytest.approx(0.0, abs=1e-6)
    unsafe = answer.scores_of(CATEGORY, **{RATING: "Unsafe"})
    assert {label[:2]: round(math.exp(log), 6) for label, log in unsafe.items() if log > -100} == CATEGORIES
    safe = answer.scores_of(CATEGORY, **{RATING: "Safe"})
    assert math.exp(safe[NA]) == pytest.approx(0.7)
    assert answer.written[RATING] == ("Unsafe" if level > 127 else "Safe")
    assert answer.written[CATEGORY] == (LABELS["O2"] if level > 127 else NA)
    assert answer.written[RATIONALE] == FakeModel().rationale
    assert answer.text == (
        f'{{"rating": "{answer.written[RATING]}", "category": "{answer.written[CATEGORY]}", '
        f'"rationale": "{FakeModel().rationale}"}}'
    )
    assert answer.tokens.cached >= 64


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_can_do_is_found_out(kind: ServerKind) -> None:
    expected = {ServerKind.vllm: Scoring.continued_chat, ServerKind.sglang: Scoring.native}
    with FakeServer(kind) as server, connected(server, local_text()) as engine:
        assert (engine.server.kind, engine.server.model) == (kind, "guard")
        assert engine.scoring is expected.get(kind, Scoring.alternatives)
        assert engine.capabilities.label_scores is (kind in expected)
        assert engine.capabilities.context_length == 4096


def test_a_published_form_is_asked_as_it_is_written() -> None:
    model = FakeModel(indent=4)
    for kind in (ServerKind.vllm, ServerKind.openai):
        with FakeServer(kind, model) as server, connected(server) as engine:
            (answer,) = engine.judge([prompt(200, True, PUBLISHED_2025_ANSWER)])
        assert p_unsafe(answer) == pytest.approx(200 / 255, abs=1e-6)
        assert answer.text.startswith('{\n    "rating": "Unsafe",\n    "category": "O2')


def test_sglang_without_the_models_folder_is_asked_for_whole_answers() -> None:
    with FakeServer(ServerKind.sglang) as server, connected(server) as engine:
        (answer,) = engine.judge([prompt(200)])
        assert engine.scoring is Scoring.alternatives
        assert not server.bodies("/generate")
    assert p_unsafe(answer) == pytest.approx(200 / 255, abs=1e-6)


def test_a_chat_template_that_spoils_what_is_continued_is_noticed() -> None:
    with FakeServer(broken_template=True) as server, connected(server) as engine:
        (answer,) = engine.judge([prompt(200)])
        judging = [body for body in server.bodies("/v1/chat/completions") if "A policy" in str(body)]
    assert p_unsafe(answer) == pytest.approx(200 / 255, abs=1e-6)
    assert judging
    assert all("structured_outputs" in body and "continue_final_message" not in body for body in judging)


def test_labels_that_an_older_vllm_does_not_score_by_name_are_read_from_the_likeliest_tokens() -> None:
    with FakeServer(scores_by_name=False) as server:
        answer = one(server, 200)
    assert p_unsafe(answer) == pytest.approx(200 / 255, abs=1e-6)


def test_what_was_not_seen_is_reported() -> None:
    with FakeServer(ServerKind.openai, alternatives=2) as server:
        answer = one(server, 60)
    assert answer.unseen == pytest.approx(0.02, abs=1e-3)


def test_a_rating_that_the_unseen_could_turn_is_an_error() -> None:
    rule = RULE.model_copy(update={"threshold": 0.3})
    with FakeServer(ServerKind.openai, alternatives=1) as server, connected(server) as engine:
        (answer,) = engine.judge([prompt(100, rating_rule=rule)])
    assert answer.error is not None
    assert answer.error.type is ErrorType.unparsable_answer
    assert "alternatives" in answer.error.message


def test_the_threshold_decides_what_is_written() -> None:
    rule = RULE.model_copy(update={"threshold": 0.1})
    for kind in (ServerKind.vllm, ServerKind.openai):
        with FakeServer(kind) as server, connected(server) as engine:
            (answer,) = engine.judge([prompt(60, True, rating_rule=rule)])
        assert (answer.written[RATING], answer.written[CATEGORY]) == ("Unsafe", LABELS["O2"])
        assert answer.written[RATIONALE]


def test_parity_mode_writes_the_likelier_rating() -> None:
    for kind in (ServerKind.vllm, ServerKind.openai):
        with FakeServer(kind) as server, connected(server) as engine:
            safe, unsafe = engine.judge([prompt(120, rating_rule=None), prompt(140, rating_rule=None)])
        assert (safe.written[RATING], unsafe.written[RATING]) == ("Safe", "Unsafe")


def test_answers_come_in_order_though_the_first_is_the_slowest() -> None:
    levels = [0, 50, 100, 150, 200, 250]
    slow = sent(0)
    with (
        FakeServer(trouble=lambda image, times: Trouble.slow if image == slow else None) as server,
        connected(server, concurrency=4) as engine,
    ):
        answers = list(engine.judge([prompt(level) for level in levels]))
    assert [round(255 * p_unsafe(answer)) for answer in answers] == levels


def test_concurrency_is_bounded_and_connections_are_reused() -> None:
    with FakeServer(ServerKind.openai) as server, connected(server, concurrency=3) as engine:
        answers = list(engine.judge([prompt(level) for level in range(0, 250, 5)]))
        assert all(answer.error is None for answer in answers)
        assert server.most_under_way <= 3
        assert len(server.requests) >= 100
        assert server.connections <= 12


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble.too_many,
        Trouble.unavailable,
        Trouble.reset,
        Trouble.truncated,
        Trouble.stall,
        Trouble.broken_json,
        Trouble.empty_choices,
        Trouble.endless,
        Trouble.no_logprobs,
        Trouble.not_a_number,
    ],
)
@pytest.mark.parametrize("kind", [ServerKind.vllm, ServerKind.openai])
def test_what_goes_wrong_once_is_asked_again(kind: ServerKind, trouble: Trouble) -> None:
    seconds = 0.2 if trouble is Trouble.stall else 30.0
    with FakeServer(kind, trouble=once(trouble)) as server:
        answer = one(server, 60, request_seconds=seconds, attempts=20)
    assert p_unsafe(answer) == pytest.approx(60 / 255, abs=1e-6)


@pytest.mark.parametrize(
    ("trouble", "type", "word"),
    [
        (Trouble.too_many, ErrorType.engine_unavailable, "429"),
        (Trouble.unavailable, ErrorType.engine_unavailable, "503"),
        (Trouble.reset, ErrorType.engine_unavailable, "3 times"),
        (Trouble.truncated, ErrorType.engine_unavailable, "3 times"),
        (Trouble.stall, ErrorType.engine_unavailable, "Timeout"),
        (Trouble.broken_json, ErrorType.unparsable_answer, "no JSON"),
        (Trouble.empty_choices, ErrorType.unparsable_answer, "one choice"),
        (Trouble.endless, ErrorType.unparsable_answer, "longer"),
        (Trouble.no_logprobs, ErrorType.unparsable_answer, "log-probabilities"),
        (Trouble.not_a_number, ErrorType.unparsable_answer, "nan"),
        (Trouble.bad_request, ErrorType.internal, "cannot be decoded"),
    ],
)
@pytest.mark.parametrize("kind", [ServerKind.vllm, ServerKind.openai])
def test_what_goes_wrong_always_is_an_error_with_its_name(
    kind: ServerKind, trouble: Trouble, type: ErrorType, word: str
) -> None:
    seconds = 0.1 if trouble is Trouble.stall else 30.0
    with FakeServer(kind, trouble=always(trouble)) as server:
        answer = one(server, 60, request_seconds=seconds)
    assert answer.error is not None
    assert (answer.error.type, answer.written, answer.scores) == (type, {}, ())
    assert word in answer.error.message


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        (Trouble.white_space, "not finished"),
        (Trouble.wrong_label, "Probably Safe"),
        (Trouble.other_logprobs, "not those of its text"),
    ],
)
def test_a_whole_answer_that_makes_no_sense_is_never_safe(trouble: Trouble, word: str) -> None:
    with FakeServer(ServerKind.openai, trouble=always(trouble)) as server:
        answer = one(server, 60)
        judging = [body for body in server.bodies("/v1/chat/completions") if "image_url" in str(body)]
    assert answer.error is not None
    assert answer.error.type is ErrorType.unparsable_answer
    assert word in answer.error.message
    assert len(judging) == 2


def test_a_refusal_is_not_asked_again() -> None:
    with FakeServer(ServerKind.openai, trouble=always(Trouble.bad_request)) as server:
        one(server, 60)
        assert len(server.bodies("/v1/chat/completions")) == 1


def test_retry_after_is_waited_for() -> None:
    with FakeServer(ServerKind.openai, trouble=once(Trouble.later)) as server:
        started = time.monotonic()
        answer = one(server, 60)
    assert answer.error is None
    assert time.monotonic() - started >= 0.2


def test_a_server_that_wants_to_be_asked_tomorrow_is_given_up_today() -> None:
    with FakeServer(ServerKind.openai, trouble=always(Trouble.much_later)) as server:
        answer = one(server, 60)
        assert len(server.bodies("/v1/chat/completions")) == 1
    assert answer.error is not None
    assert answer.error.type is ErrorType.engine_unavailable
    assert "86,400 seconds" in answer.error.message


def test_one_bad_item_costs_no_other() -> None:
    bad = sent(0)
    for kind in (ServerKind.vllm, ServerKind.openai):
        with (
            FakeServer(kind, trouble=lambda image, times: Trouble.broken_json if image == bad else None) as server,
            connected(server, concurrency=1) as engine,
        ):
            answers = list(engine.judge([prompt(level) for level in (0, 80, 160, 240)]))
        assert [answer.error is not None for answer in answers] == [True, False, False, False]


def test_a_broken_picture_is_an_error_of_its_own() -> None:
    broken = prompt(10, images=())
    with FakeServer() as server, connected(server) as engine:
        answers = list(engine.judge([prompt(10), broken, prompt(20)]))
    assert [answer.error is not None for answer in answers] == [False, True, False]


def test_the_deadline_of_an_item_counts_waits_and_repetitions() -> None:
    with FakeServer(trouble=always(Trouble.stall)) as server:
        started = time.monotonic()
        answer = one(server, 60, item_seconds=0.3, request_seconds=60.0)
    assert time.monotonic() - started < 30  # of the minute that a request may take
    assert answer.error is not None
    assert answer.error.type is ErrorType.deadline


def test_closing_the_iterator_stops_what_is_under_way() -> None:
    stalled: list[str] = []

    def trouble(image: str, times: int) -> Trouble | None:
        if image == sent(0):
            return None
        stalled.append(image)
        return Trouble.stall

    with (
        FakeServer(ServerKind.openai, trouble=trouble) as server,
        connected(server, concurrency=3, request_seconds=60.0, item_seconds=60.0) as engine,
    ):
        answers = iter(engine.judge([prompt(level) for level in range(0, 200, 10)]))
        assert next(answers).error is None
        until(lambda: len(stalled) >= 3)
        answers.close()  # type: ignore[attr-defined]
        until(lambda: server.abandoned >= 3)
        until(lambda: server.under_way == 0)


def test_an_engine_that_nobody_holds_closes_its_connections() -> None:
    with FakeServer() as server:
        engine = RemoteEngine(quick(server))
        assert next(engine.judge([prompt(10)])).error is None
        assert any(thread.name == "eyeward-remote" for thread in threading.enumerate())
        del engine
        gc.collect()
        until(lambda: not any(thread.name == "eyeward-remote" for thread in threading.enumerate()))


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret-word")
    with FakeServer(key="secret-word") as server, connected(server) as engine:
        (answer,) = engine.judge([prompt(60)])
        assert "secret-word" not in repr(quick(server))
    assert answer.error is None


def test_a_wrong_key_is_said_at_once_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "other-word")
    with FakeServer(key="secret-word") as server, pytest.raises(UsageError, match=KEY_VARIABLE) as refused:
        RemoteEngine(quick(server))
    assert "other-word" not in str(refused.value)


def test_a_key_that_the_server_repeats_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret-word")
    with FakeServer(ServerKind.openai, key="secret-word", trouble=always(Trouble.bad_request)) as server:
        answer = one(server)
    assert answer.error is not None
    assert "bearer …" in answer.error.message


def test_a_key_that_is_withdrawn_later_is_an_error_of_each_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret-word")
    with FakeServer(key="secret-word") as server, connected(server) as engine:
        server.key = "another"
        answers = list(engine.judge([prompt(60), prompt(200)]))
    for answer in answers:
        assert answer.error is not None
        assert answer.error.type is ErrorType.engine_unavailable
        assert KEY_VARIABLE in answer.error.message
        assert "secret-word" not in answer.error.message


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with FakeServer() as server:
        gone = quick(server)
    with pytest.raises(UsageError, match="does not answer"):
        RemoteEngine(gone)


@pytest.mark.parametrize(
    "field", ["seed", "maxLength", "max_completion_tokens", "response_format"], ids=lambda field: f"no_{field}"
)
def test_a_field_that_a_server_does_not_know_is_left_out(field: str) -> None:
    with FakeServer(ServerKind.openai, unknown_fields=(field,)) as server, connected(server) as engine:
        answers = list(engine.judge([prompt(level, True) for level in (60, 200)]))
        refused = [body for body in server.bodies("/v1/chat/completions") if field in str(body)]
    if field == "response_format":
        assert all(answer.error is not None for answer in answers)
    else:
        assert [round(255 * p_unsafe(answer)) for answer in answers] == [60, 200]
    assert len(refused) <= 2


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
