"""Whether an image is of the kind that a guard was trained on.

The distance of Mahalanobis between the pooled vision features of an image and those of the training set, after Lee et
al., "A simple unified framework for detecting out-of-distribution samples" (NeurIPS 2018), with one class and a shrunk
covariance. Divided by the square root of the number of features, so that a typical training image is at about 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeward.errors import CheckpointError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ScopeCheck:
    """A fitted check."""

    mean: Array
    """[features]"""
    whitening: Array
    """[features, features]: turns centred features into independent ones of variance one"""

    def distance(self, features: Sequence[float]) -> float:
        """Return how far features are from the training set.

        Raises:
            ValueError: when there are not as many as the check was fitted on, or they are not finite.
        """
        vector = np.asarray(features, dtype=np.float32)
        if vector.shape != self.mean.shape or not np.isfinite(vector).all():
            raise ValueError(f"{vector.size} features do not fit a scope check of {self.mean.size}, or are not finite")
        white = (vector - self.mean) @ self.whitening
        return float(np.sqrt(np.mean(np.square(white, dtype=np.float64))))

    def save(self, file: Path) -> None:
        """Write the check as safetensors."""
        from safetensors.numpy import save_file

        save_file({"mean": self.mean, "whitening": self.whitening}, file)

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
            check = cls(arrays["mean"].astype(np.float32), arrays["whitening"].astype(np.float32))
        except (OSError, SafetensorError, KeyError) as error:
            raise CheckpointError(f"{file} cannot be read as a scope check: {error}.") from error
        if check.mean.ndim != 1 or check.whitening.shape != (check.mean.size, check.mean.size):
            raise CheckpointError(f"{file} holds arrays of the wrong shape for a scope check.")
        return check


def fit_scope(features: NDArray[np.floating], shrinkage: float = 0.05) -> ScopeCheck:
    """Fit a check on features of training images [images, features].

    `shrinkage` mixes the covariance with its mean variance, so that directions which training never varies stay finite.
    The threshold is for the caller to choose, on images held out from this fit.
    """
    data = np.asarray(features, dtype=np.float64)
    mean = data.mean(axis=0)
    covariance = np.cov(data, rowvar=False, bias=True).reshape(data.shape[1], data.shape[1])
    level = max(float(np.trace(covariance)) / len(covariance), 1e-12)
    covariance = (1.0 - shrinkage) * covariance + shrinkage * level * np.eye(len(covariance))
    variances, directions = np.linalg.eigh(covariance)
    whitening = directions / np.sqrt(variances)
    return ScopeCheck(mean.astype(np.float32), whitening.astype(np.float32))
