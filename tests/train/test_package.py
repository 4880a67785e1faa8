"""The package of training is a package, not a folder that happens to be importable."""

from __future__ import annotations

import eyeward.train


def test_the_package_says_what_it_is() -> None:
    assert eyeward.train.__doc__
