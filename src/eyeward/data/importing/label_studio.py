"""Label Studio's JSON, in and out: one task an image, one annotation an annotator.

The controls are called `rating`, `category`, `severity` (choices) and `rationale` (text); `config_for` gives the
labelling interface that has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from eyeward.data.importing.columns import image_named
from eyeward.data.importing.row import Discard, Record, Row, Unread
from eyeward.data.sample import Sample, Severity
from eyeward.policy.schema import Policy
from eyeward.verdict import NA, Rating

_CHOICES = ("rating", "category", "severity")
_TEXT = "rationale"
_KEPT = ("split", "source", "licence", "group")
"""Fields that travel in the data of a task, so that they come back with its annotations."""


def looks_like_task(values: Mapping[str, object]) -> bool:
    """Return whether a record is a task as Label Studio exports it."""
    return isinstance(values.get("data"), dict) and ("annotations" in values or "completions" in values)


def rows_of_task(record: Record, folder: Path) -> Iterator[Row | Unread]:
    """Yield a row for each annotation of a task."""
    place, values = record.place, record.values
    data = values["data"]
    image = data.get("image") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(image, str) or not image.strip():
        yield Unread(place, Discard.no_image, f"{place} has no image.", values)
        return
    annotations = values.get("annotations") or values.get("completions")
    if not isinstance(annotations, list) or not annotations:
        yield Unread(place, Discard.no_label, f"{place} has no annotation.", values)
        return
    kept = {field: _word(data.get(field)) for field in _KEPT}
    for number, annotation in enumerate(annotations, start=1):
        here = f"{place}, annotation {number}"
        if not isinstance(annotation, Mapping) or not isinstance(annotation.get("result"), list):
            yield Unread(here, Discard.unreadable_row, f"{here} has no result.", values)
        elif annotation.get("was_cancelled"):
            yield Unread(here, Discard.cancelled, f"{here} was skipped by its annotator.", values)
        else:
            answers = _answers(annotation["result"])
            yield Row(
                here,
                image_named(_local(image.strip()), folder),
                rating=answers.get("rating"),
                category=answers.get("category"),
                severity=answers.get("severity"),
                rationale=answers.get(_TEXT),
                split=kept["split"],
                side=record.side,
                annotator=_annotator(annotation.get("completed_by")),
                source=kept["source"],
                licence=kept["licence"],
                group=kept["group"],
                values=values,
            )


def tasks(samples: Iterable[Sample], prefix: str = "", annotated: bool = False) -> Iterator[dict[str, object]]:
    """Yield a task for each sample, its label as a prediction to be looked over, or as an annotation.

    `prefix` stands before the path of each image, such as the address that Label Studio reads files from.
    """
    for sample in samples:
        data = {"image": prefix + sample.image}
        data |= {field: str(value) for field in _KEPT if (value := getattr(sample, field)) is not None}
        labelled: dict[str, object] = {"result": list(_results(sample))}
        if annotated:
            annotator = {} if sample.annotator is None else {"completed_by": {"email": sample.annotator}}
            yield {"data": data, "annotations": [labelled | annotator]}
        else:
            yield {"data": data, "predictions": [labelled | {"model_version": sample.annotator or "labels"}]}


def config_for(policy: Policy) -> str:
    """Return the labelling interface for images under a policy, as Label Studio's XML; images are blurred at first."""
    choices = {
        "rating": (Rating.Safe.value, Rating.Unsafe.value),
        "category": (*policy.labels, NA),
        "severity": tuple(Severity),
    }
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    for name in _CHOICES:
        required = "" if name == "severity" else ' required="true"'
        lines.append(f'  <Choices name="{name}" toName="image" choice="single" showInline="true"{required}>')
        lines += [f"    <Choice value={quoteattr(word)}/>" for word in choices[name]]
        lines.append("  </Choices>")
    lines.append(f'  <TextArea name="{_TEXT}" toName="image" rows="3" maxSubmissions="1" editable="true"/>')
    return "\n".join([*lines, "</View>", ""])


def _results(sample: Sample) -> Iterator[dict[str, object]]:
    for name in _CHOICES:
        value = getattr(sample, name)
        if value is not None:
            yield {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [str(value)]}}
    if sample.rationale is not None:
        value = {"text": [sample.rationale]}
        yield {"from_name": _TEXT, "to_name": "image", "type": "textarea", "value": value}


def _answers(results: list[object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for result in results:
        if not isinstance(result, Mapping) or not isinstance(result.get("value"), Mapping):
            continue
        given = result["value"].get("choices") or result["value"].get("text")
        word = given[0] if isinstance(given, list) and given else given
        name = result.get("from_name")
        if isinstance(word, str) and isinstance(name, str):
            found[name] = word
    return found


def _annotator(who: object) -> str | None:
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("id")
    return _word(who)


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and str(value) else None


def _local(image: str) -> str:
    """Return the path behind an address of Label Studio's own file storage."""
    for mark in ("/data/local-files/?d=", "/data/upload/"):
        if mark in image:
            return image.partition(mark)[2]
    return image
