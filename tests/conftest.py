"""What holds for every test: no model hub, no random failures, no time lost on what is imported."""

from __future__ import annotations

import gc
import os

from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A slow machine is not a failure, and a failure on one machine is a failure on all.
settings.register_profile(
    "eyeward", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("eyeward")


def pytest_collection_finish() -> None:
    """Look for garbage no more among what is imported: every training looks once, and that took it a second."""
    gc.collect()
    gc.freeze()
