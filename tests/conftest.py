"""What holds for every test: no model hub, no random failures."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A slow machine is not a failure, and a failure on one machine is a failure on all.
settings.register_profile("eyeward", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("eyeward")
