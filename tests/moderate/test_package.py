"""The parts of moderation load what they need, and no more."""

from __future__ import annotations

import pytest

import eyeward.moderate
from tests.test_import_time import HEAVY, loaded_by


@pytest.mark.parametrize(
    "statement",
    [
        "from eyeward.moderate import guarded, moderated",
        "from eyeward.moderate.gateway.app import gateway_app",
        "import eyeward.cli.gateway, eyeward.cli.moderate",
        "from eyeward.moderate.bench.run import bench",
    ],
)
def test_neither_the_gateway_nor_the_bench_loads_a_model_library(statement: str) -> None:
    assert not loaded_by(statement)[1] & HEAVY


@pytest.mark.parametrize("name", eyeward.moderate.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(eyeward.moderate, name).__module__.startswith("eyeward.moderate.")
    assert name in dir(eyeward.moderate)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Gard'"):
        _ = eyeward.moderate.Gard
