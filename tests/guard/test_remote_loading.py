"""Guards behind a server: which card says how to ask, and that verdicts come out as from any other guard."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import eyeward
from eyeward.engine.protocol import Forced
from eyeward.engine.remote.engine import RemoteEngine
from eyeward.engine.remote.servers import ServerKind
from eyeward.engine.remote.settings import RemoteSettings
from eyeward.errors import PolicyError, SelfCheckFailed, UsageError
from eyeward.guard import remote_loading
from eyeward.guard.card import EyewardCard, Probe, ScopeSettings, Vocabulary
from eyeward.policy import Policy
from eyeward.verdict import ErrorType, Rating, Status
from tests.engine.local.families.checkpoints import make_llava
from tests.engine.local.tiny import make_checkpoint
from tests.engine.remote.asking import picture
from tests.engine.remote.fake_model import FakeModel
from tests.engine.remote.fake_server import FakeServer, Trouble


def closed(guard: eyeward.Guard) -> None:
    assert isinstance(guard.engine, RemoteEngine)
    guard.engine.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tiny"
    make_checkpoint(place)
    EyewardCard(name="tiny", threshold=0.25).write(place)
    return place


@pytest.mark.parametrize("kind", list(ServerKind))
def test_an_address_becomes_a_guard_that_judges(kind: ServerKind) -> None:
    with FakeServer(kind) as server:
        guard = eyeward.load_guard(server.address)
        safe, unsafe = guard.assess_many([picture(60), picture(200)], "default", explain=True)
        closed(guard)
    assert (safe.rating, unsafe.rating) == (Rating.Safe, Rating.Unsafe)
    assert unsafe.p_unsafe == pytest.approx(200 / 255, abs=1e-5)
    assert unsafe.category == "O2: Violence, Harm, or Cruelty"
    assert unsafe.rationale == FakeModel().rationale
    assert (unsafe.model.name, unsafe.model.engine) == ("guard", f"remote:{kind.value}")
    assert sum(unsafe.category_probabilities.values()) == pytest.approx(1.0)


def test_a_model_that_nobody_knows_is_asked_with_the_policy_first() -> None:
    with FakeServer() as server:
        closed(eyeward.load_guard(server.address))
        content = server.bodies("/v1/chat/completions")[-1]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "image_url"]


def test_a_published_llavaguard_is_known_by_its_name_and_asked_image_first() -> None:
    with FakeServer(model=FakeModel(indent=4)) as server:
        guard = eyeward.load_guard("AIML-TUDA/LlavaGuard-v1.2-7B-OV-hf", engine=server.address)
        verdict = guard.assess(picture(200), "default")
        closed(guard)
        request = server.bodies("/v1/chat/completions")[-1]
    assert verdict.rating is Rating.Unsafe
    assert [part["type"] for part in request["messages"][0]["content"]] == ["image_url", "text"]
    assert request["messages"][1]["content"].startswith('{\n    "rating": "')
    assert request["model"] == "guard"


def test_a_folder_says_how_its_model_is_asked(folder: Path) -> None:
    with FakeServer() as server:
        guard = eyeward.load_guard(folder, engine=server.address)
        verdict = guard.assess(picture(70), "default")
        closed(guard)
    assert (verdict.model.name, verdict.threshold, verdict.rating) == ("tiny", 0.25, Rating.Unsafe)


def test_a_server_that_names_its_model_by_the_folder_finds_its_card(folder: Path) -> None:
    with FakeServer() as server:
        guard = eyeward.load_guard(server.address.replace("#guard", f"#{folder}"))
        closed(guard)
    assert guard.model.name == "tiny"


def test_images_are_shrunk_to_what_the_folders_model_uses(folder: Path) -> None:
    with FakeServer() as server:
        guard = eyeward.load_guard(folder, engine=server.address)
        assert isinstance(guard.engine, RemoteEngine)
        largest = guard.engine._settings.largest_side
        closed(guard)
    assert largest < 2304


def opening(folder: Path, server: FakeServer) -> str:
    guard = eyeward.load_guard(folder, engine=server.address, self_check="off")
    first = guard.profile.question(Policy.load("default")).form.parts[0]
    closed(guard)
    assert isinstance(first, Forced)
    return first.text


def test_the_blank_that_a_chat_template_leaves_to_the_model_stands_before_its_answer(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_llava(tmp_path / "LlavaGuard-v1.0-7B-hf")
    with FakeServer() as server:
        assert opening(tmp_path / "LlavaGuard-v1.0-7B-hf", server) == ' {\n    "decision": "'
        assert opening(folder, server) == '{"rating": "'
        monkeypatch.setattr(remote_loading, "_has_transformers", lambda: False)
        assert opening(tmp_path / "LlavaGuard-v1.0-7B-hf", server) == '{\n    "decision": "'


@pytest.mark.parametrize(
    "lost",
    [("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"), ("config.json",)],
    ids=["text", "config"],
)
def test_a_folder_with_less_than_a_checkpoint_still_says_how_its_model_is_asked(
    folder: Path, lost: tuple[str, ...]
) -> None:
    for file in lost:
        (folder / file).unlink()
    with FakeServer() as server:
        assert opening(folder, server) == '{"rating": "'


def test_a_hub_id_is_asked_as_its_files_say_which_come_without_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None, bool]] = []

    def fetch(repository: str, *, revision: str | None, allow_patterns: list[str], local_files_only: bool) -> str:
        asked.append((repository, revision, local_files_only))
        assert not [pattern for pattern in allow_patterns if "safetensors" in pattern or pattern == "*"]
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with FakeServer() as server:
        guard = eyeward.load_guard("owner/guard@v2", engine=server.address)
        assert isinstance(guard.engine, RemoteEngine)
        assert (guard.model.name, guard.engine._settings.largest_side) == ("tiny", 112)
        closed(guard)
        closed(eyeward.load_guard(server.address.replace("#guard", "#owner/secret"), self_check="off"))
    assert asked == [("owner/guard", "v2", False), ("owner/secret", None, True)]


def test_settings_may_stand_in_place_of_the_address(folder: Path) -> None:
    with FakeServer() as server:
        address = server.address.partition("#")[0]
        settings = RemoteSettings(address=address, model="guard", concurrency=2, largest_side=99)
        guard = eyeward.load_guard(folder, engine=settings)
        assert isinstance(guard.engine, RemoteEngine)
        assert guard.engine._settings == settings
        assert guard.assess(picture(200), "default").rating is Rating.Unsafe
        closed(guard)


def test_words_that_a_guard_never_met_are_found_with_its_folders_tokenizer(folder: Path) -> None:
    EyewardCard(name="tiny", vocabulary=Vocabulary.met_in_training).write(folder)
    with FakeServer() as server:
        guard = eyeward.load_guard(folder, engine=server.address)
        verdict = guard.assess(picture(200), Policy.load("default"))
        closed(guard)
    assert verdict.rating is Rating.Review
    assert guard.coverage("default").unknown_words


def test_a_guard_with_a_scope_check_is_refused_behind_a_server_unless_that_is_accepted(folder: Path) -> None:
    EyewardCard(name="tiny", scope=ScopeSettings(layers=(1,), threshold=0.5)).write(folder)
    with FakeServer() as server:
        with pytest.raises(SelfCheckFailed, match="'tiny'.*scope check.*Load it locally"):
            eyeward.load_guard(folder, engine=server.address)
        with pytest.raises(SelfCheckFailed, match="'mini'.*scope check"):
            eyeward.load_guard("mini", engine=server.address)
        with pytest.warns(UserWarning, match="scope check"):
            guard = eyeward.load_guard(folder, engine=server.address, self_check="warn")
        verdict = guard.assess(picture(200), "default")
        closed(guard)
    assert verdict.status is Status.ok


def test_a_guard_whose_probes_come_out_otherwise_is_refused(folder: Path) -> None:
    picture(200).save(folder / "probe.png")
    right = Probe(image="probe.png", rating=Rating.Unsafe, category="O2: Violence, Harm, or Cruelty", p_unsafe_raw=0.78)
    with FakeServer() as server:
        EyewardCard(name="tiny", probes=(right,)).write(folder)
        closed(eyeward.load_guard(folder, engine=server.address))
        EyewardCard(name="tiny", probes=(right.model_copy(update={"p_unsafe_raw": 0.2}),)).write(folder)
        with pytest.raises(SelfCheckFailed, match=r"p_unsafe_raw 0\.784"):
            eyeward.load_guard(folder, engine=server.address)


def test_a_server_that_cannot_judge_is_refused_at_load() -> None:
    with (
        FakeServer(ServerKind.openai, trouble=lambda image, times: Trouble.no_logprobs) as server,
        pytest.raises(SelfCheckFailed, match="log-probabilities"),
    ):
        eyeward.load_guard(server.address)


def test_errors_of_the_server_are_verdicts_with_their_type() -> None:
    with FakeServer() as server:
        guard = eyeward.load_guard(server.address)
        server.trouble = lambda image, times: Trouble.bad_request
        verdict = guard.assess(picture(3), "default")
        closed(guard)
    assert (verdict.status, verdict.rating) == (Status.error, None)
    assert verdict.error is not None
    assert verdict.error.type is ErrorType.internal
    assert verdict.flagged


def test_marks_of_chat_templates_are_refused_in_policies() -> None:
    policy = Policy.load("default")
    rule = "Text with <|im_end|> in it."
    category = policy.categories[0].model_copy(update={"should_not": (rule,)})
    hostile = policy.model_copy(update={"categories": (category, *policy.categories[1:])})
    with FakeServer() as server:
        guard = eyeward.load_guard(server.address)
        with pytest.raises(PolicyError, match=r"<\|im_end\|>"):
            guard.assess(picture(3), hostile)
        closed(guard)


@pytest.mark.parametrize(
    ("name", "engine", "words"),
    [
        ("nobody", "http://127.0.0.1:9/v1", "no guard 'nobody'"),
        ("http://127.0.0.1:9/v1#m", "auto", "does not answer"),
        ("http://user:secret@127.0.0.1:9/v1", "auto", "password"),
        ("mini", "elsewhere", "no engine 'elsewhere'"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_the_mend(name: str, engine: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        eyeward.load_guard(name, engine=engine)
    gc.collect()


def test_a_device_cannot_be_chosen_for_a_server() -> None:
    with pytest.raises(UsageError, match="where the server"):
        eyeward.load_guard("http://127.0.0.1:9/v1", device="cuda")
