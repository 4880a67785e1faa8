"""Images as they are sent."""

from __future__ import annotations

import pytest

from eyeward.serve.refusals import BadRequest
from eyeward.serve.uploads import from_address, from_base64, from_either, shown_name
from tests.serve.world import coded, data_url, png

IMAGE = png(9)


def test_base64_and_data_addresses_are_bytes_and_other_addresses_stay_addresses() -> None:
    assert from_base64(coded(IMAGE), "images[0]").data == IMAGE
    assert from_address(data_url(IMAGE), "images[0]").data == IMAGE
    assert from_address("DATA:;base64," + coded(IMAGE), "images[0]").data == IMAGE
    assert from_address("https://example.org/a.png", "images[0]").url == "https://example.org/a.png"
    assert from_either(coded(IMAGE), "images[0]").data == IMAGE
    assert from_either(data_url(IMAGE), "images[0]").data == IMAGE
    assert from_either("http://example.org/", "images[0]").url == "http://example.org/"


@pytest.mark.parametrize("text", ["???", "YWJ", "YW Jj", "YQ==YQ==", "é"])
def test_what_is_no_base64_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadRequest, match=r"images\[3\] is no base64"):
        from_base64(text, "images[3]")


@pytest.mark.parametrize("text", ["data:image/png,abc", "data:", "data:text/plain;charset=utf-8,abc"])
def test_a_data_address_in_another_coding_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="not in base64"):
        from_address(text, "images[0]")


def test_names_are_shown_without_what_a_terminal_obeys_and_cut_short() -> None:
    assert shown_name("a.png") == "a.png"
    assert shown_name("a\x1b[2J\n.png") == repr("a\x1b[2J\n.png")
    assert shown_name("") is None
    assert len(shown_name("x" * 10_000) or "") == 200
