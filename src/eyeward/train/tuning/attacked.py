"""Pictures of lessons, changed as the attack suite changes them: so a guard learns to look past the change.

What is done with a picture is drawn from the epoch and the batch that it comes in. So it is another change in every
epoch, whatever the size of batches, and the same one when a stopped run goes on.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from eyeward.data.folder import SampleFolder
from eyeward.data.sample import Sample
from eyeward.errors import DataError, UsageError
from eyeward.evaluate.suites.attack import Picture, PictureAttack, Value
from eyeward.evaluate.suites.attacks import BYSTANDERS
from eyeward.evaluate.suites.benign import BENIGN
from eyeward.evaluate.suites.evasion import EVASION
from eyeward.images import decode
from eyeward.train.tuning.lessons import first_picture
from eyeward.train.tuning.recipe import Attacked
from eyeward.verdict import NA, Failure, Rating

_SEVERAL_PICTURES = frozenset(("see-through", "two faces", "late frame"))
"""What these make, a guard sees as several pictures, and a lesson holds one."""
ATTACKS = {attack.name: attack for attack in (*BENIGN, *EVASION) if attack.name not in _SEVERAL_PICTURES}
_LONGER_SIDE = 800


@dataclass(frozen=True)
class Change:
    """One change of one picture."""

    attack: PictureAttack
    value: Value
    bystanders: tuple[Image.Image, ...]
    seed: int

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return the changed picture, RGB, perhaps of another size."""
        changed = decode(self.attack.change(Picture(picture, self.bystanders, self.seed), self.value))
        if isinstance(changed, Failure):
            raise DataError(f"A picture that was changed by {self.attack.name!r} cannot be read: {changed.message}")
        return changed.frames[0].pixels


@dataclass
class Changing:
    """Draws changes for the lessons of a batch."""

    attacks: tuple[PictureAttack, ...]
    share: float
    strongest: int
    bystanders: tuple[Image.Image, ...]
    seed: int
    learnt: int
    """Pictures of samples with lower numbers are changed; the others are there to measure."""
    epoch: int = 0
    """The epoch that is shown; to be set before it begins, and before processes are started that draw in it."""

    @classmethod
    def of(cls, settings: Attacked, folder: SampleFolder, samples: Sequence[Sample], seed: int) -> Changing:
        """Take the settings of a recipe and the samples that are learnt.

        Raises:
            UsageError: for an attack that there is not, or when there is nothing to hide among.
        """
        names = settings.attacks or tuple(ATTACKS)
        unknown = [name for name in names if name not in ATTACKS]
        if unknown:
            raise UsageError(
                f"Pictures cannot be changed by {', '.join(map(repr, unknown))}; there are {', '.join(ATTACKS)}."
            )
        attacks = tuple(ATTACKS[name] for name in names)
        return cls(attacks, settings.share, settings.strongest, _bystanders(folder, samples), seed, len(samples))

    def drawn(self, numbers: Sequence[int]) -> list[Change | None]:
        """Return what is done with the picture of each sample of a batch; None: nothing."""
        drawn_from = repr((self.seed, self.epoch, list(numbers)))
        random = np.random.default_rng(zlib.crc32(drawn_from.encode("ascii")))
        return [self._draw(random) if number < self.learnt else None for number in numbers]

    def _draw(self, random: np.random.Generator) -> Change | None:
        attack = self.attacks[int(random.integers(len(self.attacks)))]
        value = attack.values[int(random.integers(min(self.strongest, len(attack.values))))]
        change = Change(attack, value, self.bystanders, int(random.integers(2**31)))
        return change if random.random() < self.share else None


def _bystanders(folder: SampleFolder, samples: Sequence[Sample]) -> tuple[Image.Image, ...]:
    """Return pictures that touch no category, whatever the policy: to hide among."""
    clean = {
        sample.image: sample
        for sample in samples
        if sample.rating is Rating.Safe and sample.category == NA and not sample.changes
    }
    chosen = sorted(clean, key=lambda image: zlib.crc32(image.encode("utf-8", "surrogatepass")))[:BYSTANDERS]
    if not chosen:
        raise UsageError(
            "Attacks hide pictures among safe ones that touch no category, and no sample for training is one; add "
            "some, or leave `attacked` out."
        )
    found = [first_picture(folder, clean[image]) for image in chosen]
    for picture in found:
        picture.thumbnail((_LONGER_SIDE, _LONGER_SIDE))
    return tuple(found)
