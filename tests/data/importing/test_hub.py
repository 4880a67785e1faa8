from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from eyeward.data.importing.hub import download
from eyeward.errors import DataError


def test_a_dataset_is_downloaded_with_images_and_tables_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def snapshot_download(id: str, **options: Any) -> str:
        asked.update(options, id=id)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert download("somebody/images", "abc") == tmp_path
    assert (asked["id"], asked["repo_type"], asked["revision"]) == ("somebody/images", "dataset", "abc")
    assert {"*.parquet", "*.ndjson", "*.tiff", "*.jpeg"} <= set(asked["allow_patterns"])
    assert not [pattern for pattern in asked["allow_patterns"] if pattern.endswith((".py", "*", ".safetensors"))]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (GatedRepoError, "accept them on its page"),
        (RepositoryNotFoundError, "There is no dataset"),
        (HfHubHTTPError, "cannot be downloaded"),
        (ConnectionError, "cannot be downloaded"),
    ],
)
def test_what_goes_wrong_is_one_sentence(monkeypatch: pytest.MonkeyPatch, kind: type[Exception], words: str) -> None:
    response = httpx2.Response(403, request=httpx2.Request("GET", "https://example.org"))

    def snapshot_download(id: str, **options: Any) -> str:
        raise kind("no", response=response) if issubclass(kind, HfHubHTTPError) else kind("no")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(DataError, match=words):
        download("somebody/images")


def test_an_id_that_is_none_is_one_sentence() -> None:
    with pytest.raises(DataError, match="ORGANISATION/NAME"):
        download("a b/c/d")
