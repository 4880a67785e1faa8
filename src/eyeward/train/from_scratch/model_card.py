"""The README of a checkpoint of ours."""

from __future__ import annotations

from eyeward.train.from_scratch.recipe import Recipe

_WARNING = "Knows drawn scenes only, not photographs."

_GUARD = """\
---
license: apache-2.0
library_name: transformers
---
{warning}

# {name}

A guard of the Eyeward project: a LLaVA-OneVision model of {millions:.1f} million parameters that reads a written
safety policy and one image, and answers with rating, category and rationale in JSON. It was trained from scratch on
pictograms drawn by `eyeward.scenes`, a harmless world with known truth, so that everything in Eyeward can be run and
measured without downloading weights. It is a real model doing the real task in a small world; on anything else its
scope check answers `Review`. Do not use it to judge photographs.

- **Prompt**: policy first, then the image; words as in `eyeward.policy.EYEWARD`.
- **Policies it reads**: rules in the wordings of `eyeward.scenes.facts` under the categories O1 to O9, in any order,
  with any stances. A word that it never met is spelled in bytes, and Eyeward says that the policy is outside what it
  can read.
- **Made by**: recipe `{name}`, seed {seed}; see `docs/train.md` of the project. Figures: `docs/results.md`.
- **Licence**: Apache-2.0. The training pictures are drawn by the same project; no other data went in.
"""

_BASE = """\
---
license: apache-2.0
library_name: transformers
---
{warning}

# {name}

The starting point of Eyeward's guard `{guard}`: a LLaVA-OneVision model of {millions:.1f} million parameters, trained
from scratch on captions of and questions about pictograms drawn by `eyeward.scenes`. It has seen no policy and no
verdict. It is here as the untrained side of comparisons and as a base for fine-tuning; as a guard it only guesses.

- **Made by**: recipe `{guard}`, seed {seed}, up to its base stage; see `docs/train.md` of the project.
- **Licence**: Apache-2.0.
"""


def guard_readme(recipe: Recipe, parameters: int) -> str:
    """Return the model card of a recipe's guard."""
    return _GUARD.format(warning=_WARNING, name=recipe.name, millions=parameters / 1e6, seed=recipe.seed)


def base_readme(recipe: Recipe, parameters: int) -> str:
    """Return the model card of a recipe's base model."""
    return _BASE.format(
        warning=_WARNING,
        name=f"{recipe.name}-base",
        guard=recipe.name,
        millions=parameters / 1e6,
        seed=recipe.seed,
    )
