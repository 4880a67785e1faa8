"""The tables of docs/packs, made from the packs: run this module to write them anew."""

from __future__ import annotations

import re
from pathlib import Path

from eyeward.policy import Category, Policy, Stance
from eyeward.policy.diff import Change, ChangeKind
from eyeward.policy.loading import pack_names

FOLDER = Path(__file__).parents[2] / "docs" / "packs"
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)

_TO_SAFE, _TO_UNSAFE = "Unsafe → Safe", "Safe → Unsafe"


def table(name: str) -> str:
    """Return what the page of a pack must show."""
    default, policy = Policy.load("default"), Policy.load(name)
    if name == "default":
        return _rules(default)
    rows = ["| category | what the picture shows | verdict | because |", "|---|---|---|---|"]
    for change in default.diff(policy).changes:
        assert change.category is not None
        rows += _rows(change, policy.category(change.category))
    return "\n".join(rows) + "\n"


def _rows(change: Change, category: Category) -> list[str]:
    def row(rule: str | None, verdict: str, reason: str) -> str:
        return f"| {category.label} | {rule} | {verdict} | {reason} |"

    if change.kind is ChangeKind.STANCE_CHANGED and change.new == Stance.sensitive:
        return [row(rule, _TO_UNSAFE, "the category is sensitive") for rule in category.can]
    if change.kind is ChangeKind.STANCE_CHANGED and change.new == Stance.non_violating:
        return [row(rule, _TO_SAFE, "the category is non-violating") for rule in category.should_not]
    if change.kind is ChangeKind.RULE_MOVED and change.new_list == "can":
        return [row(change.new, _TO_SAFE, "moved to can")]
    if change.kind is ChangeKind.RULE_MOVED:
        return [row(change.new, _TO_UNSAFE, "moved to should not")]
    if change.kind is ChangeKind.RULE_ADDED and change.new_list == "can":
        return [row(change.new, _TO_SAFE, "a new can rule")]
    raise AssertionError(f"the pages have no words for this change: {change}")


def _rules(policy: Policy) -> str:
    rows = ["| category | should not | can |", "|---|---|---|"]
    for category in policy.categories:
        rows.append(f"| {category.label} | {'; '.join(category.should_not)} | {'; '.join(category.can)} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write the table of every page."""
    for name in pack_names():
        page = FOLDER / f"{name}.md"
        before, _, after = TABLE.sub("\0", page.read_text(encoding="utf-8")).partition("\0")
        page.write_text(before + table(name) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
