"""Imports in a line, for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from eyeward.data.folder import SampleFolder
from eyeward.data.importing.sources import Source
from eyeward.data.importing.taking import Taking
from eyeward.data.report import ImportReport
from eyeward.data.sample import Sample
from eyeward.images.fetch import Fetcher
from eyeward.policy import Policy


@dataclass(frozen=True)
class Imported:
    """What an import wrote."""

    folder: SampleFolder
    report: ImportReport
    samples: list[Sample]
    set_aside: list[dict[str, object]]
    """The lines of `discarded.jsonl`."""

    @property
    def reasons(self) -> dict[str, int]:
        """Rows by the reason why they were not taken."""
        return {item.reason: item.rows for item in self.report.discarded}


def imported(
    source: Source | Path, out: Path, *, policy: Policy | None = None, fetcher: Fetcher | None = None
) -> Imported:
    """Import a source into `out`, and check that every row is accounted for."""
    if isinstance(source, Path):
        source = Source(str(source))
    report = Taking(out, policy, fetcher).take(source.rows())
    folder = SampleFolder(out)
    samples = list(folder)
    lines = (out / "discarded.jsonl").read_text(encoding="utf-8").splitlines()
    set_aside = [json.loads(line) for line in lines]
    assert report.taken == len(samples)
    assert report.rows == report.taken + report.discarded_rows
    assert all(folder.image_of(sample).is_file() for sample in samples)
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []
    return Imported(folder, report, samples, set_aside)


def write_jsonl(file: Path, rows: list[dict[str, object]]) -> Path:
    """Write rows as JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file
