"""Whether an image is of the kind that a guard was trained on.

A logistic regression between the pooled vision features of training images and those of images that are none, after
Hendrycks et al., "Deep anomaly detection with outlier exposure" (ICLR 2019). It reads each feature, in standard
deviations from its mean over the training images, and its square, so that far on either side can count as outside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeward.errors import CheckpointError

Array = NDArray[np.float32]

FARTHEST = 5.0
"""Standard deviations beyond which a feature counts as no farther."""
_STEPS = 30


@dataclass(frozen=True)
class ScopeCheck:
    """A fitted check."""

    mean: Array
    """[features]"""
    deviation: Array
    """[features]"""
    weights: Array
    """[2 x features + 1]: of the features, of their squares, and what is added"""

    @property
    def digest(self) -> str:
        """The SHA-256 of the three arrays: checks that tell images apart otherwise have another."""
        arrays = (getattr(self, field.name).astype("<f4") for field in fields(self))
        return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()

    def distance(self, features: Sequence[float]) -> float:
        """Return how far outside the training set features are, from 0 (inside) to 1.

        Raises:
            ValueError: when there are not as many as the check was fitted on, or they are not finite.
        """
        vector = np.asarray(features, dtype=np.float32)
        if vector.shape != self.mean.shape or not np.isfinite(vector).all():
            raise ValueError(f"{vector.size} features do not fit a scope check of {self.mean.size}, or are not finite")
        return float(_share(_read(vector[None], self.mean, self.deviation) @ self.weights)[0])

    def save(self, file: Path) -> None:
        """Write the check as safetensors."""
        from safetensors.numpy import save_file

        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({field.name: getattr(self, field.name) for field in fields(self)}, file)

    @classmethod
    def load(cls, file: Path) -> ScopeCheck:
        """Read a check.

        Raises:
            CheckpointError: when the file is missing or holds something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            arrays = load_file(file)
            check = cls(*(arrays[field.name].astype(np.float32) for field in fields(cls)))
        except (OSError, SafetensorError, KeyError) as error:
            raise CheckpointError(f"{file} cannot be read as a scope check: {error}.") from error
        size = check.mean.size
        if [array.shape for array in (check.mean, check.deviation, check.weights)] != [
            (size,),
            (size,),
            (2 * size + 1,),
        ]:
            raise CheckpointError(f"{file} holds arrays of the wrong shape for a scope check.")
        return check


def _read(features: Array, mean: Array, deviation: Array) -> Array:
    standard = np.clip((features - mean) / deviation, -FARTHEST, FARTHEST)
    return np.concatenate((standard, np.square(standard), np.ones_like(standard[:, :1])), axis=1)


def _share(log_odds: NDArray[np.floating]) -> NDArray[np.floating]:
    share: NDArray[np.floating] = 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
    return share


def fit_scope(inside: NDArray[np.floating], outside: NDArray[np.floating], penalty: float = 20.0) -> ScopeCheck:
    """Fit a check on features [images, features] of training images and of images that are none (Newton's method).

    `penalty` times half the squared weights is added to the summed log-loss. The threshold is for the caller to choose,
    on images held out from this fit.
    """
    mean = inside.mean(axis=0).astype(np.float32)
    deviation = inside.std(axis=0).astype(np.float32) + np.float32(1e-5)
    read = _read(np.concatenate((inside, outside)).astype(np.float32), mean, deviation)
    wanted = np.repeat((0.0, 1.0), (len(inside), len(outside))).astype(np.float32)
    weights = np.zeros(read.shape[1], dtype=np.float32)
    for _ in range(_STEPS):
        fitted = _share(read @ weights)
        gradient = read.T @ (fitted - wanted) + penalty * weights
        hessian = (read * (fitted * (1 - fitted))[:, None]).T @ read
        hessian[np.diag_indices_from(hessian)] += penalty
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-4:
            break
    return ScopeCheck(mean, deviation, weights)
