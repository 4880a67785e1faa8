"""Which column holds what, and what its words mean: guessed from well-known names, or written in a small YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eyeward.data.importing.row import Discard, Image, Record, Row, Unread, Url
from eyeward.data.importing.words import policy_in
from eyeward.errors import DataError, PolicyError, described

_KNOWN: dict[str, tuple[str, ...]] = {
    "image": ("image", "file_name", "filename", "image_path", "path", "img", "img_name", "jpg", "png"),
    "url": ("url", "image_url", "URL"),
    "rating": ("rating", "decision", "final-assessment", "final_assessment", "safety_label", "label"),
    "category": ("category", "image-category", "image_category"),
    "severity": ("severity", "score"),
    "rationale": ("rationale", "assessment", "explanation"),
    "policy": ("policy", "prompt"),
    "split": ("split",),
    "annotator": ("annotator",),
    "source": ("source",),
    "licence": ("licence", "license"),
    "group": ("group",),
}
"""Names that a column is looked for by where nothing else is said; the first that a row has counts."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Threshold(_Part):
    """A rating out of a number, such as the mean of moral ratings; what lies between the two is discarded."""

    column: str
    unsafe_below: float
    """This value is unsafe, too; for a scale on which low is bad."""
    safe_above: float
    """This value is safe, too."""

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.unsafe_below >= self.safe_above:
            raise ValueError("unsafe_below must lie under safe_above")
        return self


class ColumnNames(_Part):
    """The column of each field; None has it looked for by well-known names."""

    image: str | None = None
    """A path, bytes, or what `datasets` makes of an image: a struct with `bytes` and `path`."""
    url: str | None = None
    rating: str | None = None
    category: str | None = None
    severity: str | None = None
    rationale: str | None = None
    policy: str | None = None
    """A column whose text holds the policy in the published form."""
    split: str | None = None
    annotator: str | None = None
    source: str | None = None
    licence: str | None = None
    group: str | None = None


class Constants(_Part):
    """Fields that are the same for every row that says nothing itself."""

    rating: str | None = None
    category: str | None = None
    severity: str | None = None
    split: str | None = None
    annotator: str | None = None
    source: str | None = None
    licence: str | None = None


class Words(_Part):
    """What the words of a column mean, where they are not Eyeward's own. Upper and lower case count."""

    rating: dict[str, str] = Field(default_factory=dict)
    """To Safe or Unsafe."""
    category: dict[str, str | None] = Field(default_factory=dict)
    """To the id of a category or NA; null for what the policy has no category for."""
    severity: dict[str, str] = Field(default_factory=dict)


class Columns(_Part):
    """How to read the rows of a table."""

    columns: ColumnNames = ColumnNames()
    constants: Constants = Constants()
    words: Words = Words()
    threshold: Threshold | None = None
    """Takes the place of a column with ratings."""

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """Load a mapping that ships, by its name, or a YAML file.

        Raises:
            DataError: with the file, when it cannot be read or says something unknown.
        """
        shipped = resources.files("eyeward.data.importing") / "mappings" / f"{source}.yaml"
        file = shipped if isinstance(source, str) and "/" not in source and shipped.is_file() else Path(source)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return cls.model_validate(content or {})
        except OSError as problem:
            mend = f"write one, or name one that ships: {', '.join(shipped_mappings())}"
            raise DataError(f"The mapping cannot be read: {problem.strerror or problem}; {mend}.", source) from None
        except (yaml.YAMLError, UnicodeDecodeError) as problem:
            raise DataError(f"The mapping is not YAML: {' '.join(str(problem).split())}.", source) from None
        except ValidationError as problem:
            raise DataError(f"{described(problem)}.", source) from None

    def row(self, record: Record, folder: Path) -> Row | Unread:
        """Return the fields of a record; `folder` is where paths start from."""
        values = record.values
        image = self._image(values, folder)
        if image is None:
            return Unread(record.place, Discard.no_image, f"{record.place} has no image.", values)
        text = self._text(values, "policy")
        try:
            policy = None if text is None else policy_in(text)
        except PolicyError as problem:
            return Unread(record.place, Discard.unreadable_policy, f"{record.place}: {problem.message}", values)
        rating = self._text(values, "rating", self.words.rating)
        if self.threshold is not None:
            rated = self._by_threshold(record, self.threshold)
            if isinstance(rated, Unread):
                return rated
            rating = rated
        category = self._text(values, "category")
        if category in self.words.category:
            meant = self.words.category[category]
            if meant is None:
                message = f"{record.place} has the category {category!r}, for which the mapping has none."
                return Unread(record.place, Discard.unknown_category, message, values)
            category = meant
        return Row(
            record.place,
            image,
            rating=rating,
            category=category,
            severity=self._text(values, "severity", self.words.severity),
            rationale=self._text(values, "rationale"),
            policy=policy,
            split=self._text(values, "split"),
            side=record.side,
            annotator=self._text(values, "annotator"),
            source=self._text(values, "source"),
            licence=self._text(values, "licence"),
            group=self._text(values, "group"),
            values=values,
        )

    def _value(self, values: Mapping[str, object], field: str) -> object:
        named: str | None = getattr(self.columns, field)
        names = _KNOWN[field] if named is None else (named,)
        return next((values[name] for name in names if values.get(name) not in (None, "")), None)

    def _text(self, values: Mapping[str, object], field: str, words: Mapping[str, str] | None = None) -> str | None:
        value = self._value(values, field)
        if value is None:
            constant: str | None = getattr(self.constants, field, None)
            return constant
        if isinstance(value, bool | int | float | str):
            text = str(value).strip()
            return (words or {}).get(text, text) or None
        return None

    def _image(self, values: Mapping[str, object], folder: Path) -> Image | None:
        url = self._text(values, "url")
        return image_in(self._value(values, "image"), folder) or (Url(url) if url else None)

    def _by_threshold(self, record: Record, threshold: Threshold) -> str | Unread:
        value = record.values.get(threshold.column)
        try:
            number = float(value) if isinstance(value, str | int | float) else math.nan
        except ValueError:
            number = math.nan
        if math.isnan(number):
            message = f"{record.place} has no number in the column {threshold.column!r}."
            return Unread(record.place, Discard.no_label, message, record.values)
        if number <= threshold.unsafe_below:
            return "Unsafe"
        if number >= threshold.safe_above:
            return "Safe"
        message = f"{record.place} has {number:g} in {threshold.column!r}, between safe and unsafe."
        return Unread(record.place, Discard.between_thresholds, message, record.values)


def shipped_mappings() -> tuple[str, ...]:
    """Return the names of the mappings that ship."""
    folder = resources.files("eyeward.data.importing") / "mappings"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir()))


def image_in(value: object, folder: Path) -> Image | None:
    """Return the image of a field: bytes, a path, an address, or a struct of bytes and path; None without one."""
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes | bytearray):
        return bytes(value) or None
    return image_named(value.strip(), folder) if isinstance(value, str) and value.strip() else None


def image_named(name: str, folder: Path) -> Image:
    """Return where an image with this name is: on the network, or in `folder`.

    A path of another machine is found by its end: `/data/run/images/a.png` is `images/a.png` or `a.png` in `folder`.
    """
    if name.startswith(("http://", "https://")):
        return Url(name)
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        parts = parts[-1:]
    for start in range(len(parts)):
        candidate = folder.joinpath(*parts[start:])
        if candidate.is_file():
            return candidate
    return folder.joinpath(*parts)
