"""The README of a tuned guard."""

from __future__ import annotations

from eyeward.engine.rating import Calibration
from eyeward.evaluate.metrics import Estimate
from eyeward.evaluate.summary import Metrics
from eyeward.guard.card import EyewardCard
from eyeward.train.tuning.recipe import Method, Recipe

SHOWN = ("balanced_accuracy", "recall", "specificity", "exact_category", "joint_consistency", "joint_flips", "auroc")

_TEXT = """\
# {name}

A guard of [Eyeward]: it reads a written safety policy and an image, and answers with rating, category and rationale. It
was made from `{base}` by {method}, recipe below.

- **Prompt**: {order}, words `{words}`; `eyeward.json` holds the rest.
- **Policies it was trained on**: {policies}. Under others it may be worse.
- **Licence**: that of `{base}`, and what the training images allow; state it here before you publish.

{figures}
## Recipe
```yaml
{settings}
```
"""
_NO_FIGURES = "Nothing was measured: there were no validation samples of both ratings, or `calibrate` was off.\n"


def readme(recipe: Recipe, card: EyewardCard, metrics: Metrics | None) -> str:
    """Return the model card of a tuned guard."""
    import yaml

    count = len(card.training_policies)
    listed = card.training_policies[0] if count == 1 else f"{count}, by hash in `eyeward.json`"
    return _TEXT.format(
        name=recipe.name,
        base=recipe.base,
        method=_method(recipe),
        order=recipe.order.value.replace("_", " "),
        words=recipe.words.value,
        policies=listed,
        figures=_NO_FIGURES if metrics is None else _figures(metrics, card.calibration != Calibration()),
        settings=yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False).strip(),
    )


def _method(recipe: Recipe) -> str:
    if recipe.method is Method.lora:
        return "LoRA, merged"
    learnt = ["the language model"]
    learnt += ["the vision tower"] * recipe.train_vision + ["the projector"] * recipe.train_projector
    return f"full fine-tuning of {' and '.join(learnt)}"


def _figures(metrics: Metrics, calibrated: bool) -> str:
    names = [name for name in SHOWN if name in metrics.guards[0].tables.overall]
    rows = [
        "| | " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---|" + "---|" * len(names),
        *(
            f"| {who} | " + " | ".join(_cell(tables.overall.get(name)) for name in names) + " |"
            for who, tables in (
                *((guard.guard, guard.tables) for guard in metrics.guards),
                *metrics.trivial.items(),
            )
        ),
    ]
    return (
        f"## Figures\nOn the {metrics.questions:,} validation samples ({metrics.images:,} images), "
        + ("on which the calibration was fitted too" if calibrated else "too few of which it rated to calibrate it")
        + "; intervals are of 95 %. What could not be judged counts as wrong.\n\n"
        + "\n".join(rows)
        + "\n\n"
    )


def _cell(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"
