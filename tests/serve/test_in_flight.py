"""Bytes that are held are counted, those that are too many as well."""

from __future__ import annotations

import pytest

from eyeward.serve.in_flight import InFlight
from eyeward.serve.refusals import TooBusy


def test_what_was_taken_counts_until_it_is_given_back() -> None:
    in_flight = InFlight(10)
    in_flight.take(6)
    in_flight.take(4)
    with pytest.raises(TooBusy):
        in_flight.take(1)
    assert in_flight.held == 11
    in_flight.give_back(1)
    in_flight.give_back(4)
    in_flight.take(4)
    assert in_flight.held == 10
