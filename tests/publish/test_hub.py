from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eyeward.errors import MissingExtra, PublishError
from eyeward.publish.card import Card
from eyeward.publish.hub import HuggingFaceHub, RepoKind
from eyeward.publish.leaving import files_of
from eyeward.publish.plan import Plan, publish
from tests.publish.hub_server import HubServer, running
from tests.publish.repositories import good_dataset, good_model

REPO = "somebody/scenes"
TOKEN = "hf_" + "x" * 34


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with running() as state:
        yield state


def hub(server: HubServer) -> HuggingFaceHub:
    return HuggingFaceHub(server.endpoint, TOKEN)


@pytest.mark.parametrize(("kind", "make"), [(RepoKind.dataset, good_dataset), (RepoKind.model, good_model)])
def test_every_byte_of_a_folder_arrives_in_a_repository_of_its_kind(
    tmp_path: Path, server: HubServer, kind: RepoKind, make: Any
) -> None:
    folder = make(tmp_path)
    plan = Plan(folder, REPO, kind, files_of(folder)[0], Card(("mit",)), ())
    sent = publish(plan, hub(server))
    place = f"{kind.value}s/{REPO}"
    assert server.repos == {place: True}
    assert server.files == {place: {file.name: (folder / file.name).read_bytes() for file in plan.files}}
    assert sent.endswith("/commit/" + "0" * 40)
    assert server.tokens == {f"Bearer {TOKEN}"}


def test_a_kind_of_file_that_came_in_between_stays_here(tmp_path: Path, server: HubServer) -> None:
    folder = good_dataset(tmp_path)
    server.repos[f"datasets/{REPO}"] = True
    (folder / "late.py").write_text("x", encoding="utf-8")
    hub(server).upload(REPO, RepoKind.dataset, folder, ["*.md", "*.jsonl", "*.png"], "sent")
    assert "late.py" not in server.files[f"datasets/{REPO}"]


def test_whether_a_repository_is_there_and_private_is_asked(server: HubServer) -> None:
    server.repos = {f"datasets/{REPO}": False, "datasets/somebody/hidden": True}
    there = hub(server)
    assert there.is_private(REPO, RepoKind.dataset) is False
    assert there.is_private("somebody/hidden", RepoKind.dataset) is True
    assert there.is_private("somebody/none", RepoKind.dataset) is None


@pytest.mark.parametrize(("status", "words"), [(401, "hf auth login"), (403, "hf auth login"), (400, "refused")])
def test_what_the_hub_refuses_is_one_sentence_without_the_token(server: HubServer, status: int, words: str) -> None:
    server.refuse = status
    with pytest.raises(PublishError, match=words) as raised:
        hub(server).create(REPO, RepoKind.model, private=True)
    assert TOKEN not in str(raised.value)


def test_a_hub_that_is_not_there_is_one_sentence(server: HubServer) -> None:
    away = HuggingFaceHub("http://127.0.0.1:9", TOKEN)
    with pytest.raises(PublishError, match="cannot be sent|refused"):
        away.create(REPO, RepoKind.model, private=True)


def test_without_huggingface_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("huggingface_hub"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"eyeward\[data\]"):
        HuggingFaceHub()
