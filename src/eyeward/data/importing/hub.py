"""Datasets on the Hugging Face Hub: downloaded whole into its cache, then read like a folder."""

from __future__ import annotations

from pathlib import Path

from eyeward.data.importing.tables import TABLE_SUFFIXES
from eyeward.errors import DataError, MissingExtra

HUB_MARK = "hub:"
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_READ = tuple(f"*{suffix}" for suffix in (".parquet", ".arrow", *TABLE_SUFFIXES, *_IMAGES))


def download(id: str, revision: str | None = None) -> Path:
    """Return the folder of a dataset of the Hub.

    Raises:
        DataError: when it is not there, not reachable, or its terms were not accepted.
        MissingExtra: without huggingface_hub.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError
    except ModuleNotFoundError as missing:
        raise MissingExtra("data", "Reading datasets of the Hub") from missing
    try:
        return Path(snapshot_download(id, repo_type="dataset", revision=revision, allow_patterns=list(_READ)))
    except GatedRepoError:
        raise DataError(f"The dataset {id!r} has terms: accept them on its page and run `hf auth login`.") from None
    except RepositoryNotFoundError:
        raise DataError(f"There is no dataset {id!r} on the Hub, or you may not see it; check its id.") from None
    except HFValidationError:
        raise DataError(f"{id!r} is no id of a dataset; write ORGANISATION/NAME.") from None
    except (HfHubHTTPError, OSError) as problem:
        said = " ".join(str(problem).split())[:200]
        raise DataError(f"The dataset {id!r} cannot be downloaded: {said}.") from None
