"""Requests drawn from the service's own schema by schemathesis: no error of the service, answers as the schema says.

Usage: python -m benchmarks.schema_cases [--count 2000] [--json PATH]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from tests.serve.schema_cases import answers


def main() -> None:
    """Ask, count and print; ends with an error at the first answer that should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as kept:
        found = answers(arguments.count, Path(kept))
    total = sum(found.values())
    for (operation, status), count in sorted(found.items()):
        print(f"{operation:<44}{status:>5}{count:>8}")
    errors = sum(count for (_, status), count in found.items() if status >= 500)
    print(f"{total} requests in {time.monotonic() - began:.1f} s, {errors} errors of the service (bar 0)")
    if arguments.json is not None:
        rows = [
            {"operation": operation, "status": status, "count": count} for (operation, status), count in found.items()
        ]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if errors or total < arguments.count:
        raise SystemExit("A miss.")


if __name__ == "__main__":
    main()
