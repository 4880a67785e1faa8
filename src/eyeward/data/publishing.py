"""What a data set must say before it is published: its card, and for every image a licence that the card names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from eyeward.data.folder import LABELS_FILE
from eyeward.data.importing.parquet import read_columns
from eyeward.data.importing.row import Unread
from eyeward.data.importing.tables import TABLE_SUFFIXES, read_table
from eyeward.publish.card import Card, read_card
from eyeward.publish.contents import DATA_KINDS, IMAGES, content_refusals
from eyeward.publish.hub import RepoKind
from eyeward.publish.leaving import Leaving, Refusal, files_of
from eyeward.publish.licences import OTHER, hub_licence
from eyeward.publish.plan import Plan, folder_to_publish

_IMAGE_KEYS = ("image", "images", "file_name")
_LICENCE_KEYS = ("licence", "license")
_NO_ROWS = ("dataset_info.json", "policies.jsonl")
_SET_ASIDE = ("discarded.jsonl", "import.json", "build.json")
"""What imports and builds write for whoever ran them: rows that were not taken, and paths."""


def plan_dataset(folder: Path, repo: str) -> Plan:
    """Look at a data set as if it were to be published in `repo`.

    Raises:
        UsageError: when the folder is none, or `repo` no id of a repository.
        MissingExtra: for Parquet without pyarrow.
    """
    files, refusals = files_of(folder_to_publish(folder))
    names = {file.name for file in files}
    card, missing = read_card(folder, names)
    rows = _Rows(folder, names, card)
    for table in filter(lambda file: _holds_rows(file.name), files):
        rows.read(table)
    return Plan(
        folder=folder,
        repo=repo,
        kind=RepoKind.dataset,
        files=files,
        card=card,
        refusals=(
            *refusals,
            *missing,
            *_not_for_others(names),
            *rows.refusals(),
            *content_refusals(folder, files, DATA_KINDS),
        ),
        facts=tuple(rows.facts()),
    )


def _not_for_others(names: Collection[str]) -> Iterator[Refusal]:
    if LABELS_FILE in names:
        yield Refusal(LABELS_FILE, "is Eyeward's own form; run `eyeward data export` and publish what that writes.")
    for name in sorted(names):
        if PurePosixPath(name).name in _SET_ASIDE:
            yield Refusal(name, "is a report for whoever made the data, not for others; take it away.")


def _holds_rows(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in (".parquet", *TABLE_SUFFIXES) and path.name not in (*_NO_ROWS, *_SET_ASIDE)


@dataclass
class _Rows:
    """The rows of a data set, as far as publishing goes: how many, under which licences, with which images."""

    folder: Path
    names: Collection[str]
    card: Card
    count: int = 0
    licences: Counter[str] = field(default_factory=Counter)
    _named: set[str] = field(default_factory=set)
    _faults: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """By file and sentence: the first row, and how many."""

    def read(self, table: Leaving) -> None:
        """Read every row of a file, but not the images in it."""
        path = self.folder / table.name
        inside = path.suffix.lower() == ".parquet"
        wanted = (*_LICENCE_KEYS, *(f"{key}.path" for key in _IMAGE_KEYS))
        number = 0
        for number, row in enumerate(read_columns(path, wanted) if inside else read_table(path), start=1):
            if isinstance(row, Unread):
                self._fault(table.name, number, "cannot be read; export the data again.")
                continue
            self.count += 1
            self._licence(table.name, number, row.values)
            self._images(table.name, number, row.values, inside)
        if number == 0:
            self._fault(table.name, 1, "holds no rows; take it away.")

    def refusals(self) -> Iterator[Refusal]:
        """Yield what is wrong, once for each file and reason."""
        for (name, sentence), (first, rows) in self._faults.items():
            where = f"{name}, row {first}" + (f" and {rows - 1:,} more," if rows > 1 else "")
            yield Refusal(where, sentence)
        lonely = [name for name in self.names if name.lower().endswith(IMAGES) and name not in self._named]
        lonely = sorted(name for name in lonely if name not in self.card.text)
        if lonely:
            others = f" and {len(lonely) - 1:,} more," if len(lonely) > 1 else ""
            yield Refusal(lonely[0] + others, "is named by no row, so its licence is not stated; take it away.")
        if not self.count:
            yield Refusal(self.folder.name, "holds no rows; run `eyeward data export`, and publish what that writes.")

    def facts(self) -> Iterator[str]:
        """Yield what it holds."""
        licences = ", ".join(f"{name} {rows:,}" for name, rows in self.licences.most_common())
        yield f"{self.count:,} rows; licences: {licences or 'none stated'}."

    def _licence(self, name: str, row: int, values: Mapping[str, object]) -> None:
        stated = next((str(values[key]).strip() for key in _LICENCE_KEYS if values.get(key)), "")
        known = hub_licence(stated)
        if not stated or stated.lower() == "unknown":
            self._fault(name, row, "states no licence for its image; find it out, or leave the row out.")
            return
        self.licences[stated] += 1
        if self.card.licences and OTHER not in self.card.licences and known not in self.card.licences:
            mend = "name all licences in the card, or `license: other` with their texts"
            self._fault(name, row, f"is under {stated!r}, which the card does not name; {mend}.")

    def _images(self, name: str, row: int, values: Mapping[str, object], inside: bool) -> None:
        for image in _image_names(values):
            path = PurePosixPath(image)
            if path.is_absolute() or PureWindowsPath(image).is_absolute() or ".." in path.parts:
                self._fault(name, row, "names an image outside of the folder; export the data again.")
            elif "://" in image:
                self._fault(name, row, "names an image by its address; import it, so that it is checked, then export.")
            elif not inside:
                self._named.add(str(path))
                if str(path) not in self.names:
                    self._fault(name, row, "names an image that is not here; export the data again.")

    def _fault(self, name: str, row: int, sentence: str) -> None:
        found = self._faults.setdefault((name, sentence), [row, 0])
        found[1] += 1


def _image_names(values: Mapping[str, object]) -> Iterator[str]:
    for key in _IMAGE_KEYS:
        value = values.get(key)
        for single in value if isinstance(value, list) else [value]:
            inner = single.get("path") if isinstance(single, Mapping) else single
            if isinstance(inner, str) and inner:
                yield inner
