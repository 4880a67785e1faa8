"""Run by the Python of the environment with vLLM: judge scenes with vLLM in that process, and write the verdicts."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import eyeward
from eyeward.engine.vllm.settings import VllmSettings
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene


def main() -> None:
    """Judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("output", type=Path)
    parser.add_argument("--scenes", type=int, required=True)
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    settings = VllmSettings(eager=True, cache_bytes=2**30)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        guard = eyeward.load_guard(arguments.folder, settings, dtype=arguments.dtype, self_check="warn")
    scenes = [paint(sample_scene(number, "test")) for number in range(arguments.scenes)]
    verdicts = [verdict.model_dump(mode="json") for verdict in guard.assess_many(scenes, "default", explain=True)]
    check = [str(warning.message) for warning in said if "self check" in str(warning.message)]
    arguments.output.write_text(json.dumps({"self_check": check, "verdicts": verdicts}), encoding="utf-8")
    getattr(guard.engine, "close", lambda: None)()


if __name__ == "__main__":
    main()
