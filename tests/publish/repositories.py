"""Folders that may be published, for tests that then spoil them, and a hub that keeps what it is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from eyeward.guard import EyewardCard, Probe, ScopeSettings
from eyeward.publish.hub import RepoKind
from eyeward.verdict import NA, Rating
from tests.data.drawn import write_picture


def write_card(folder: Path, front: str = "license: apache-2.0", body: str = "# Scenes\n\nDrawn.\n") -> None:
    """Write a card."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(f"---\n{front}\n---\n\n{body}", encoding="utf-8")


def write_rows(folder: Path, *rows: dict[str, object]) -> None:
    """Write rows with turns, each with its picture where `image` names one that is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")


def good_dataset(folder: Path) -> Path:
    """Write a data set that may leave."""
    write_card(folder)
    write_picture(folder / "images" / "0.png", 0, 24)
    write_picture(folder / "images" / "1.png", 1, 24)
    write_rows(
        folder,
        {"images": ["images/0.png"], "conversations": [], "licence": "Apache-2.0"},
        {"images": ["images/1.png"], "conversations": [], "licence": "Apache-2.0"},
    )
    return folder


def good_model(folder: Path) -> Path:
    """Write a guard that may leave."""
    write_card(folder)
    write_picture(folder / "probes" / "a.png", 3, 24)
    (folder / "scope").mkdir()
    save_file({"mean": np.zeros(4, np.float32)}, folder / "scope" / "check.safetensors")
    save_file({"weight": np.zeros(8, np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "llava_onevision"}', encoding="utf-8")
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"/data/user": 1}}}', encoding="utf-8")
    probe = Probe(image="probes/a.png", rating=Rating.Safe, category=NA, p_unsafe_raw=0.1)
    EyewardCard(name="little", scope=ScopeSettings(layers=(0,), threshold=1.0), probes=(probe,)).write(folder)
    return folder


@dataclass
class FakeHub:
    """Remembers what it was asked, and the bytes that it was sent."""

    private: bool | None = None
    """Of the repository that is there; None: there is none."""
    made: list[tuple[str, RepoKind, bool]] = field(default_factory=list)
    received: dict[str, bytes] = field(default_factory=dict)

    def is_private(self, repo: str, kind: RepoKind) -> bool | None:
        """Return what was set."""
        return self.private

    def create(self, repo: str, kind: RepoKind, private: bool) -> None:
        """Remember the repository."""
        self.made.append((repo, kind, private))

    def upload(self, repo: str, kind: RepoKind, folder: Path, patterns: Sequence[str], message: str) -> str:
        """Keep the files that fit a pattern."""
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and any(fnmatch(name, pattern) for pattern in patterns):
                self.received[name] = file.read_bytes()
        return f"fake://{kind.value}/{repo}"
