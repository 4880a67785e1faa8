"""The card of an exported data set: front matter for the Hub, and what people should know before they use it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from eyeward.data.exporting.parquet import features_in_yaml
from eyeward.data.exporting.sink import UNSPLIT, SideSize
from eyeward.data.statistics import Statistics
from eyeward.policy.schema import Policy, Stance
from eyeward.publish.licences import OTHER, UNKNOWN, hub_licence
from eyeward.verdict import Rating

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LARGER = "10M<n<100M"
_MOST_POLICIES = 12
_IN_TABLES = re.compile(r"([\\|`*_<>\[\]#])")
_READ_BY = {
    "llava": "LLaVA's trainers: `--data_path train.json --image_folder .`. They always put the image first.",
    "llama-factory": "LLaMA-Factory: `dataset_dir` is this folder, `dataset` a name in `dataset_info.json`.",
    "ms-swift": "ms-swift: `swift sft --dataset train.jsonl`, started here or with `ROOT_IMAGE_DIR` set to it.",
}


@dataclass(frozen=True, slots=True)
class PolicyUse:
    """A policy, and how many samples are labelled under it."""

    policy: Policy
    samples: int


@dataclass(frozen=True)
class Described:
    """What a card is written from."""

    name: str
    form: str
    tables: bool
    """Parquet with images inside; else conversations with images beside."""
    found: Statistics
    sides: Mapping[str, SideSize]
    policies: Sequence[PolicyUse]
    left_out: Mapping[str, int]
    picture: str
    worded_like: str | None
    without_rationale: int


def dataset_card(described: Described) -> str:
    """Return the text of `README.md`."""
    front = yaml.safe_dump(_front_matter(described), sort_keys=False, allow_unicode=True, width=100)
    parts = [part for part in _parts(described) if part]
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def licence_fields(licences: Mapping[str, int]) -> dict[str, object]:
    """Return what the front matter says of the licences of samples, which are counted by name."""
    if UNKNOWN in licences or not licences:
        return {"license": UNKNOWN}
    ids = {hub_licence(name) for name in licences}
    known = sorted(id for id in ids if id is not None)
    if len(known) < len(ids):
        return {"license": OTHER, "license_name": "stated-for-each-sample"}
    return {"license": known[0] if len(known) == 1 else known}


def _front_matter(described: Described) -> dict[str, object]:
    found = described.found
    front: dict[str, object] = {
        **licence_fields(found.licences),
        "pretty_name": described.name,
        "task_categories": ["image-classification" if described.tables else "image-text-to-text"],
        "size_categories": [next((name for most, name in _SIZES if found.samples < most), _LARGER)],
        "tags": ["image-safety", "content-moderation", "eyeward"],
        "configs": [{"config_name": "default", "data_files": list(_data_files(described))}],
    }
    if described.tables:
        front["dataset_info"] = {
            "features": features_in_yaml(),
            "splits": [
                {"name": name, "num_bytes": side.bytes, "num_examples": side.samples}
                for name, side in described.sides.items()
            ],
            "dataset_size": sum(side.bytes for side in described.sides.values()),
        }
    return front


def _data_files(described: Described) -> Iterator[dict[str, str]]:
    for name, side in described.sides.items():
        yield {"split": name, "path": f"data/{name}-*" if described.tables else side.files[0]}


def _parts(described: Described) -> Iterator[str]:
    found = described.found
    yield f"# {_cell(described.name)}"
    yield (
        f"{found.samples:,} labelled samples of {found.images:,} images, each judged under a written safety policy; "
        "written by Eyeward."
    )
    if found.ratings.get(Rating.Unsafe):
        yield "**Some images show what the categories name.** Look at them only if you have to, and not alone."
    yield f"![Samples by category and severity]({described.picture})"
    yield "## Splits\n\n" + "\n".join(_sides(described))
    yield _augmented(found)
    yield "## Policies\n\n" + "\n".join(_policies(described.policies))
    yield "## Where it is from\n\n" + "\n".join(_provenance(found))
    yield "## How it is read\n\n" + "\n".join(_reading(described))
    if described.left_out:
        reasons = ", ".join(f"{_cell(reason)} {rows:,}" for reason, rows in described.left_out.items())
        yield f"Left out of this export, by reason: {reasons}."


def _sides(described: Described) -> Iterator[str]:
    yield "| split | Safe | Unsafe | all | MB |\n|---|---:|---:|---:|---:|"
    for name, side in described.sides.items():
        ratings = described.found.splits.get("none" if name == UNSPLIT else name, {})
        counts = " | ".join(f"{ratings.get(rating, 0):,}" for rating in (Rating.Safe, Rating.Unsafe))
        yield f"| {name} | {counts} | {side.samples:,} | {side.bytes / 1e6:,.1f} |"


def _augmented(found: Statistics) -> str:
    if not found.augmented:
        return "No sample is augmented: every label is an annotator's."
    changes = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in found.changes.items())
    return (
        f"**{found.augmented:,} of {found.samples:,} samples are augmented**: the same images under changed policies; "
        f"labels follow from the change (`changes` says which; by kind: {changes}), severity stays the annotator's."
    )


def _policies(uses: Sequence[PolicyUse]) -> Iterator[str]:
    yield "| policy | categories | declared | sha256 | samples |\n|---|---|---|---|---:|"
    for use in uses[:_MOST_POLICIES]:
        policy = use.policy
        declared = ", ".join(
            f"{c.id} {c.stance.replace('_', '-')}" for c in policy.categories if c.stance is not Stance.enforced
        )
        ids = ", ".join(policy.ids)
        named = f"{policy.name} v{policy.version} | {ids} | {declared or '–'}"
        yield f"| {named} | `{policy.hash[:12]}` | {use.samples:,} |"
    rest = uses[_MOST_POLICIES:]
    if rest:
        yield f"| {len(rest):,} more | | | | {sum(use.samples for use in rest):,} |"


def _provenance(found: Statistics) -> Iterator[str]:
    yield "| | samples |\n|---|---:|"
    for what, names in (("licence", found.licences), ("source", found.sources), ("annotator", found.annotators)):
        for name, count in names.items():
            yield f"| {what}: {_cell(name)} | {count:,} |"
    unstated = found.licences.get(UNKNOWN, 0)
    if unstated:
        yield (
            f"\n**The licence of {unstated:,} samples is not stated.** Do not pass them on before it is: "
            "`eyeward data push` refuses them."
        )


def _reading(described: Described) -> Iterator[str]:
    if described.tables:
        yield (
            "`datasets.load_dataset` reads this folder, or its id on the Hub. `policy` is null for Eyeward's default "
            "policy, else the policy as JSON; `scene`, `changes` and `rationale_from` are JSON, too."
        )
    else:
        yield f"Worded as the guard `{_cell(described.worded_like or '')}` is asked. {_READ_BY[described.form]}"
        if described.without_rationale:
            yield f"{described.without_rationale:,} answers have no rationale: their samples have none."
    yield "`eyeward data import` makes the same samples of it."


def _cell(text: str) -> str:
    """Return foreign text on one line, with nothing in it that Markdown would obey."""
    return _IN_TABLES.sub(r"\\\1", " ".join(text.split()))
