"""What is kept of a dataset, in the forms that other programs read."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What the kept part of a dataset is written as."""

    same = "same"
    """As the dataset is: archives, Parquet for tables, links to loose files."""
    fiftyone = "fiftyone"
    """A folder that FiftyOne imports."""
    datasets = "datasets"
    """Parquet with a card, for the Hugging Face Hub."""
