"""A gambler against a claim: fair while it is true, rich when it is not, whenever somebody looks."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from eyeward.evaluate.monitor.betting import STAKES, Bet


def test_a_bet_is_fair_at_the_claim_and_bad_above_it() -> None:
    """The mean over all outcomes of six labels, by their probability, is what was there before: exactly."""
    for agreement in (0.8, 0.95):
        mean = 0.0
        for labels in product((True, False), repeat=6):
            bet = Bet(0.8)
            bet.add(labels[:2])
            bet.add(labels[2:])
            mean += math.prod(agreement if label else 1 - agreement for label in labels) * bet.value
        assert mean == pytest.approx(1.0) if agreement == 0.8 else mean < 1.0


def test_what_is_owned_follows_from_the_stakes() -> None:
    bet = Bet(0.9)
    bet.add([False, True])
    stakes = [share / 0.1 for share in STAKES]
    expected = sum((1 + s * 0.9) * (1 - s * 0.1) for s in stakes) / len(stakes)
    assert bet.value == pytest.approx((1 + expected) / 2)  # half of the money waits for later batches
    assert (bet.labels, bet.agreed) == (2, 1)
    assert bet.highest == pytest.approx((1 + sum(1 + s * 0.9 for s in stakes) / len(stakes)) / 2)
    bet.add([])
    bet.add([False])
    first = sum((1 + s * 0.9) ** 2 * (1 - s * 0.1) for s in stakes) / len(stakes)
    second = sum(1 + s * 0.9 for s in stakes) / len(stakes)
    assert bet.value == pytest.approx(first / 2 + second / 6 + 1 / 3)


def test_while_the_claim_is_true_it_is_refuted_no_more_often_than_promised_however_often_one_looks() -> None:
    random = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        bet = Bet(0.9)
        for _batch in range(20):
            bet.add(random.random(30) < 0.9)
        wrong += bet.refutes(0.05)
    assert wrong <= 25  # 15 are allowed on average; 25 is beyond the 99 % point of that


def test_a_claim_that_became_false_is_refuted_soon() -> None:
    random = np.random.default_rng(2)
    bet = Bet(0.9)
    bet.add(random.random(200) < 0.95)
    assert not bet.refutes(0.01)
    bet.add(random.random(40) < 0.6)
    assert bet.refutes(0.01)  # two hundred good labels before do not hide forty bad ones
    bet.add(random.random(2000) < 0.99)
    assert bet.refutes(0.01)  # what was refuted once stays refuted


def test_much_evidence_is_a_large_number_and_no_overflow() -> None:
    bet = Bet(0.99)
    bet.add([False] * 5000)
    assert math.isfinite(bet.highest) and bet.highest > 1e200


def test_a_claim_is_about_a_probability() -> None:
    for least in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            Bet(least)
