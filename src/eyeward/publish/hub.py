"""The Hugging Face Hub, as far as publishing needs it. Tests put something else in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from eyeward.errors import MissingExtra, PublishError

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class RepoKind(StrEnum):
    """What a repository holds."""

    dataset = "dataset"
    model = "model"


class Hub(Protocol):
    """A place that repositories are sent to. Everything raises `PublishError` when it cannot be done."""

    def is_private(self, repo: str, kind: RepoKind) -> bool | None:
        """Return whether a repository is private; None where there is none."""
        ...

    def create(self, repo: str, kind: RepoKind, private: bool) -> None:
        """Make an empty repository."""
        ...

    def upload(self, repo: str, kind: RepoKind, folder: Path, patterns: Sequence[str], message: str) -> str:
        """Send the files of a folder whose names fit one of the patterns, and return where they are now."""
        ...


class HuggingFaceHub:
    """The Hub itself, with the token that `hf auth login` or `HF_TOKEN` left."""

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        """Take another address or token than those that `huggingface_hub` finds.

        Raises:
            MissingExtra: without huggingface_hub.
        """
        try:
            from huggingface_hub import HfApi
        except ModuleNotFoundError as missing:
            raise MissingExtra("data", "Publishing on the Hub") from missing
        self._api: HfApi = HfApi(endpoint=endpoint, token=token, library_name="eyeward")

    def is_private(self, repo: str, kind: RepoKind) -> bool | None:
        """Return whether a repository is private; None where there is none."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with _one_sentence(repo):
            try:
                return bool(self._api.repo_info(repo, repo_type=kind.value).private)
            except RepositoryNotFoundError:
                return None

    def create(self, repo: str, kind: RepoKind, private: bool) -> None:
        """Make an empty repository."""
        with _one_sentence(repo):
            self._api.create_repo(repo, repo_type=kind.value, private=private, exist_ok=False)

    def upload(self, repo: str, kind: RepoKind, folder: Path, patterns: Sequence[str], message: str) -> str:
        """Send the files of a folder whose names fit one of the patterns; sent again, it goes on where it stopped."""
        with _one_sentence(repo):
            sent = self._api.upload_folder(
                repo_id=repo,
                repo_type=kind.value,
                folder_path=folder,
                allow_patterns=list(patterns),
                commit_message=message,
            )
            return str(sent.commit_url)


@contextmanager
def _one_sentence(repo: str) -> Iterator[None]:
    """Turn what goes wrong at the Hub into a sentence with the mend."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    try:
        yield
    except HFValidationError:
        raise PublishError(f"{repo!r} is no id of a repository; write ORGANISATION/NAME.") from None
    except LocalTokenNotFoundError:
        raise PublishError("Nobody is signed in to the Hub; run `hf auth login`.") from None
    except HfHubHTTPError as problem:
        code = problem.response.status_code
        if code in (401, 403):
            mend = "run `hf auth login` with a token that may write there"
            raise PublishError(f"The Hub does not let you write to {repo!r}; {mend}.") from None
        raise PublishError(f"The Hub refused what was sent to {repo!r}: {_said(problem)}.") from None
    except Exception as problem:  # of HTTP, of the file system and of hf_xet, which have no name in common
        mend = "see that the Hub can be reached, and run the same again: it goes on where it stopped"
        what = f"{type(problem).__name__}: {_said(problem)}"
        raise PublishError(f"{repo!r} cannot be sent ({what}); {mend}.") from problem


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300].rstrip(".")
