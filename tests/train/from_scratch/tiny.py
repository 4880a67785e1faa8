"""A recipe that runs in seconds: every stage, two steps each, on a model that learns nothing."""

from __future__ import annotations

import yaml

from eyeward.train.from_scratch.recipe import Recipe

_STRETCH = "steps: 2, batch: 4, learning_rate: 1.0e-3, warmup: 1, policies: 2, groups: 1"
TINY_YAML = f"""\
name: tiny
seed: 3
architecture: {{image_size: 32, vision_width: 64, vision_layers: 2, text_width: 192, text_layers: 4, text_hidden: 64}}
pictures: {{count: 12, held_out: 4, wear: 0.5}}
vision: {{steps: 2, batch: 4, learning_rate: 1.0e-3, warmup: 1}}
base: {{{_STRETCH}}}
guard:
  - {{{_STRETCH}, described: true, vision_scale: 0}}
  - {{{_STRETCH}, explained_every: 1}}
finish: {{scope_scenes: 24, scope_outsiders: 12, calibration_policies: 3, calibration_scenes: 2}}
compile: false
"""
TINY = Recipe.model_validate(yaml.safe_load(TINY_YAML))
