"""The parts of pyarrow, loaded where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from eyeward.errors import MissingExtra


def arrow() -> Any:
    """Import pyarrow.

    Raises:
        MissingExtra: when it is not installed.
    """
    return _import("pyarrow")


def parquet() -> Any:
    """Import pyarrow.parquet.

    Raises:
        MissingExtra: when it is not installed.
    """
    return _import("pyarrow.parquet")


def ipc() -> Any:
    """Import pyarrow.ipc.

    Raises:
        MissingExtra: when it is not installed.
    """
    return _import("pyarrow.ipc")


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        raise MissingExtra("data", "Annotating datasets") from missing
