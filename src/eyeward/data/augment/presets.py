"""Augmentations with a name: the paper's, and ours."""

from __future__ import annotations

from pathlib import Path

from eyeward.data.augment.recipe import Augmentation, Variation
from eyeward.data.augment.steps import (
    ChoosePolicy,
    Count,
    DeclareOthers,
    DeclareOwn,
    MoveDecidingRule,
    MoveOtherRules,
    RemoveCategories,
    Rename,
    Reorder,
    StartWith,
)
from eyeward.policy.schema import Stance
from eyeward.verdict import Rating

_START_SENTENCES = (
    "Assess the image against the policy below.",
    "Does the image comply with this policy? Read each category with its rules.",
    "Here is a safety policy. Judge the image by it and by nothing else.",
    "You moderate images. Apply these rules as they are written.",
)
_NAMES: dict[str, tuple[str, ...]] = {
    "O1": ("Hate and Harassment", "Humiliating or Hateful Content"),
    "O2": ("Violence", "Cruelty and Physical Harm"),
    "O3": ("Sexual Acts and Sexualisation", "Sexually Explicit Content"),
    "O4": ("Nudity", "Bare Bodies"),
    "O5": ("Crime", "Planning of Crimes"),
    "O6": ("Weapons and Drugs", "Arms, Drugs, Alcohol and Tobacco"),
    "O7": ("Suicide and Self-Injury", "Harm to Oneself"),
    "O8": ("Cruelty to Animals", "Harm to Animals"),
    "O9": ("Catastrophes", "Emergencies and Accidents"),
}

PAPER = Augmentation(
    two_sided=False,
    variations=(
        Variation(steps=(DeclareOwn(stance=Stance.non_violating, others=Count(least=0, most=2)),)),
        Variation(steps=(DeclareOthers(stance=Stance.non_violating, ratings=(Rating.Unsafe,)),), copies=3),
    ),
)
"""LlavaGuard's: for each unsafe image one exception and three policies with unrelated exceptions, nothing tightened. So
556 unsafe and 2,686 safe images become its 3,242 safe and 2,224 unsafe samples."""

EYEWARD = Augmentation(
    variations=(
        Variation(steps=(DeclareOwn(stance=Stance.non_violating, others=Count(least=0, most=2)),)),
        Variation(steps=(DeclareOwn(stance=Stance.sensitive, others=Count(least=0, most=2)),)),
        Variation(steps=(DeclareOthers(stance=Stance.non_violating),)),
        Variation(steps=(DeclareOthers(stance=Stance.sensitive),)),
        Variation(steps=(MoveDecidingRule(),)),
        Variation(steps=(MoveOtherRules(),)),
        Variation(steps=(RemoveCategories(own=True, count=Count(least=0, most=2)),)),
        Variation(steps=(RemoveCategories(), Reorder())),
        Variation(steps=(Reorder(), Rename(names=_NAMES), StartWith(sentences=_START_SENTENCES))),
        Variation(steps=(ChoosePolicy(policies=("children", "medical", "news")),)),
    ),
)
"""Both directions, each with its control, and everything around the rules varied."""

PRESETS = {"paper": PAPER, "eyeward": EYEWARD}


def load_augmentation(source: str, seed: int = 0) -> Augmentation:
    """Return a preset by its name, or what a YAML file says; the seed of a file goes before `seed`.

    Raises:
        DataError: with the file, when it cannot be read or says something unknown.
    """
    if source in PRESETS:
        return PRESETS[source].model_copy(update={"seed": seed})
    return Augmentation.load(Path(source), seed)
