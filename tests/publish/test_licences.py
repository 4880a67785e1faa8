from __future__ import annotations

import pytest

from eyeward.publish.licences import hub_licence


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ("Apache-2.0", "apache-2.0"),
        ("apache 2.0", "apache-2.0"),
        ("MIT", "mit"),
        ("MIT License", "mit"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("CC_BY_NC_SA_4.0", "cc-by-nc-sa-4.0"),
        ("CC0", "cc0-1.0"),
        ("GPL-3.0-only", "gpl-3.0"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        ("ODbL-1.0", "odbl"),
        ("BSD-3-Clause", "bsd-3-clause"),
    ],
)
def test_a_licence_is_known_in_its_usual_spellings(written: str, id: str) -> None:
    assert hub_licence(written) == id


@pytest.mark.parametrize("written", ["", "unknown", "other", "free", "all rights reserved", "CC BY", "Flickr"])
def test_a_licence_that_the_hub_has_no_id_for_is_none(written: str) -> None:
    assert hub_licence(written) is None
