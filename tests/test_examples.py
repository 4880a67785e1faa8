"""Every example of Python calls runs as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_judge_images_runs(tmp_path: Path) -> None:
    script = EXAMPLES / "judge_images.py"
    paths = os.pathsep.join((str(EXAMPLES.parent / "src"), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert '  "status": "ok",' in lines
    images = sorted(file.name for file in (EXAMPLES / "images").glob("*.png"))
    assert [line.split()[0] for line in lines if line.split()[0] in images] == images
    assert "third None no-such-image.png does not exist." in lines
    assert lines[-1].startswith("cannot judge:")
