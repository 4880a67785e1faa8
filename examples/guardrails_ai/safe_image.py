"""guardrails-ai: a validator for text that is an image, as base64 or as a data address.

    guard = Guard().use(SafeImage(policy="children", on_fail=OnFailAction.EXCEPTION))
    guard.validate(base64_of_an_image)

guardrails-ai tells its makers of every use (names and results, no content) until `enable_metrics=false` stands in
`~/.guardrailsrc`, or `Guard.configure(allow_metrics_collection=False)` was called, as below.

Usage: python examples/guardrails_ai/safe_image.py IMAGE…
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guardrails import Guard, OnFailAction
from guardrails.validator_base import FailResult, PassResult, ValidationResult, Validator, register_validator

import eyeward


@register_validator(name="eyeward/safe_image", data_type="string")
class SafeImage(Validator):
    """Passes an image that is Safe; fails one that is not, and text that is no image."""

    def __init__(self, guard: str = "mini", policy: str = "default", on_fail: Any = OnFailAction.EXCEPTION) -> None:
        super().__init__(on_fail=on_fail, use_local=True, guard=guard, policy=policy)  # images are sent nowhere
        self._guard = eyeward.load_guard(guard)
        self._policy = eyeward.Policy.load(policy)

    def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
        text = str(value)
        encoded = text.partition(",")[2] if text.startswith("data:") else text
        try:
            image = base64.b64decode(encoded, validate=True)
        except ValueError:
            return FailResult(error_message="This is no image: it is not base64.")
        verdict = self._guard.assess(image, self._policy)
        if not verdict.flagged:
            return PassResult()
        what = verdict.error.message if verdict.error else f"{verdict.rating}, {verdict.category}"
        return FailResult(error_message=f"The image may not be shown: {what}")


def main(paths: Sequence[str]) -> None:
    """Say of each file whether it passes."""
    guard = Guard()
    guard.configure(allow_metrics_collection=False)
    guard = guard.use(SafeImage(on_fail=OnFailAction.NOOP))
    for path in paths:
        outcome = guard.validate(base64.b64encode(Path(path).read_bytes()).decode("ascii"))
        print(f"{path}: {'passes' if outcome.validation_passed else 'fails'}")


if __name__ == "__main__":
    main(sys.argv[1:])
