"""The desk: blind raters, adjudication, consent, a daily cap, leases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from eyeward.data.events import LabelField
from eyeward.errors import UsageError
from eyeward.serve.labels.desk import ReviewDesk
from eyeward.serve.labels.records import Answer, Nothing, Stage, State, WhyNothing
from eyeward.serve.labels.refusals import (
    CapReached,
    Conflict,
    Contradictory,
    NoSuchThing,
    NotConsented,
    NotOffered,
    Taken,
)
from eyeward.serve.labels.store import LabelStore
from eyeward.verdict import NA, Rating
from tests.serve.labels.world import (
    BARELY,
    DEFAULT,
    EVERYTHING,
    HATE,
    SAFE,
    UNSAFE,
    VIOLENCE,
    WEAPONS,
    Clock,
    answered,
    claim,
    queue,
    sha,
    taken,
    taken_contested,
)


def why(found: object) -> WhyNothing:
    assert isinstance(found, Nothing), found
    return found.reason


def contest(desk: ReviewDesk, image: int = 0) -> str:
    """Let two raters differ."""
    assert answered(desk, "anna", SAFE) == answered(desk, "ben", UNSAFE) == sha(image)
    return sha(image)


# Raters.
def test_items_come_in_order_until_somebody_has_seen_all(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA,) * 3)
    assert [answered(desk, "anna", SAFE) for _ in range(3)] == [sha(0), sha(1), sha(2)]
    assert why(desk.take("near", "anna")) is WhyNothing.done
    assert [answered(desk, "ben", SAFE) for _ in range(3)] == [sha(0), sha(1), sha(2)]
    assert why(desk.take("near", "cleo")) is WhyNothing.done
    progress = desk.progress("near")
    assert (progress.items, progress.settled, progress.answers) == (3, 3, 6)
    with pytest.raises(NoSuchThing):
        desk.take("far", "anna")


def test_an_offer_tells_nothing_of_what_anybody_said(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (WEAPONS,))
    answered(desk, "anna", UNSAFE)
    assert set(taken(desk, "ben").model_dump()) == {"queue", "image_sha256", "policy", "revealed", "until"}
    assert desk.aftermath("near", sha(0), "ben") is None
    assert desk.aftermath("near", sha(0), "anna") is None
    with pytest.raises(NotOffered, match="Not all raters"):
        desk.contested("near", sha(0), "cleo")


def test_after_all_have_answered_each_of_them_sees_the_others(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (WEAPONS,))
    contest(desk)
    after = desk.aftermath("near", sha(0), "anna")
    assert after is not None
    assert (after.state, after.own, after.others, after.claims) == (
        State.contested,
        SAFE,
        (UNSAFE,),
        (claim(WEAPONS),),
    )
    assert desk.aftermath("near", sha(0), "cleo") is None


def test_who_takes_again_gets_the_same_item(desk: ReviewDesk, store: LabelStore, clock: Clock) -> None:
    queue(store)
    first = taken(desk, "anna")
    clock.wait(minutes=10)
    again = taken(desk, "anna")
    assert again.image_sha256 == first.image_sha256
    assert again.until == first.until + timedelta(minutes=10)
    assert taken(desk, "ben").image_sha256 == first.image_sha256
    assert taken(desk, "cleo").image_sha256 == sha(1)


def test_an_answer_is_four_events_that_say_who_when_and_how(desk: ReviewDesk, store: LabelStore, clock: Clock) -> None:
    queue(store)
    taken(desk, "anna")
    desk.reveal("near", sha(0), "anna")
    clock.wait(seconds=7)
    desk.answer("near", sha(0), "anna", UNSAFE, ms=7000)
    found = store.events()
    assert {one.field: one.new for one in found} == UNSAFE.values()
    for one in found:
        assert (one.user, one.time, one.ms, one.revealed) == ("anna", clock.now, 7000, True)
        assert (one.policy_hash, one.model, one.stage, one.old) == (DEFAULT.hash, None, Stage.rating, None)
    assert desk.own("near", sha(0), "anna") == UNSAFE


def test_a_rater_may_say_otherwise_until_all_have_answered(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store)
    image = answered(desk, "anna", SAFE)
    assert desk.answer("near", image, "anna", BARELY) is State.open
    changes = [(one.field, one.old, one.new) for one in store.events()[2:]]
    assert changes == [(LabelField.category, NA, WEAPONS), (LabelField.severity, None, "barely_safe")]
    assert desk.answer("near", image, "anna", BARELY) is State.open
    assert len(store.events()) == 4
    answered(desk, "ben", BARELY)
    with pytest.raises(NotOffered, match="All raters have answered"):
        desk.answer("near", image, "anna", SAFE)


def test_an_answer_that_comes_twice_is_kept_once(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store)
    for user in ("anna", "ben"):
        taken(desk, user)
        for _ in range(2):
            desk.answer("near", sha(0), user, SAFE, submission=f"form-of-{user}")
    assert len(store.events()) == 4
    taken(desk, "anna")
    with pytest.raises(Taken):
        desk.answer("near", sha(1), "anna", SAFE, submission="form-of-anna")
    with pytest.raises(UsageError, match="8 to 100"):
        desk.answer("near", sha(1), "anna", SAFE, submission="no dots.")


def test_another_answer_under_the_name_of_one_that_was_kept_is_kept_too(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store)
    image = taken(desk, "anna").image_sha256
    for answer in (SAFE, BARELY, SAFE):  # as a page that the browser brought back sends them
        desk.answer("near", image, "anna", answer, submission="form-of-anna")
        assert desk.own("near", image, "anna") == answer


def test_a_contradictory_answer_is_refused_by_name_and_the_item_stays_in_hand(
    desk: ReviewDesk, store: LabelStore
) -> None:
    queue(store)
    offer = taken(desk, "anna")
    with pytest.raises(Contradictory) as refused:
        desk.answer("near", offer.image_sha256, "anna", Answer(rating=Rating.Unsafe, category=NA))
    assert refused.value.name == "unsafe_without_category"
    assert store.events() == []
    assert taken(desk, "anna").image_sha256 == offer.image_sha256


def test_nobody_answers_reveals_or_sees_what_they_were_not_offered(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store)
    taken(desk, "anna")
    with pytest.raises(NotOffered):
        desk.answer("near", sha(0), "ben", SAFE)
    with pytest.raises(NotOffered):
        desk.reveal("near", sha(1), "anna")
    with pytest.raises(NotOffered):
        desk.shown("near", sha(1), "anna")
    with pytest.raises(NotOffered):
        desk.skip("near", sha(0), "ben")
    with pytest.raises(NoSuchThing):
        desk.shown("near", sha(99), "anna")


def test_a_skip_costs_nothing_and_is_not_offered_again(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA,) * 2)
    for user in ("anna", "ben"):
        desk.skip("near", taken(desk, user).image_sha256, user, ms=300)
        assert desk.annotator(user).used_today == 0
        assert taken(desk, user).image_sha256 == sha(1)
    assert taken(desk, "cleo").image_sha256 == sha(0)
    assert desk.progress("near").skipped == 2
    with pytest.raises(NotOffered):
        desk.answer("near", sha(0), "anna", SAFE)
    assert store.events() == []


# Leases.
def test_no_place_is_given_to_two_people(desk: ReviewDesk, store: LabelStore, clock: Clock) -> None:
    queue(store, (NA,))
    taken(desk, "anna")
    taken(desk, "ben")
    assert why(desk.take("near", "cleo")) is WhyNothing.waiting
    clock.wait(minutes=14)
    taken(desk, "ben")
    clock.wait(minutes=2)
    assert taken(desk, "cleo").image_sha256 == sha(0)
    assert why(desk.take("near", "dan")) is WhyNothing.waiting


def test_a_late_answer_counts_while_there_is_a_place(desk: ReviewDesk, store: LabelStore, clock: Clock) -> None:
    queue(store, (NA,))
    taken(desk, "anna")
    clock.wait(hours=1)
    assert desk.answer("near", sha(0), "anna", SAFE) is State.open
    taken(desk, "ben")
    clock.wait(hours=1)
    answered(desk, "cleo", SAFE)
    with pytest.raises(NotOffered, match="somebody else has answered since"):
        desk.answer("near", sha(0), "ben", SAFE)


def test_many_hands_at_once_never_give_an_item_to_more_than_its_raters(store: LabelStore) -> None:
    queue(store, (NA,) * 12)
    desk = ReviewDesk(store)
    users = [f"user-{number}" for number in range(8)]
    for user in users:
        desk.agree(user, EVERYTHING)

    def work(user: str) -> int:
        count = 0
        while not isinstance(offer := desk.take("near", user), Nothing):
            desk.answer("near", offer.image_sha256, user, SAFE)
            count += 1
        return count

    with ThreadPoolExecutor(len(users)) as pool:
        assert sum(pool.map(work, users)) == 24
    assert [len(row.answers) for row in store.rows("near")] == [2] * 12


# Consent.
def test_without_consent_nothing_is_offered(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store)
    assert desk.annotator("eve").consent is None
    assert why(desk.take("near", "eve")) is WhyNothing.consent
    desk.agree("eve", ())
    assert taken(desk, "eve").image_sha256 == sha(0)


def test_nobody_is_offered_what_they_did_not_agree_to(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (WEAPONS, None, HATE, NA))
    desk.agree("anna", [HATE])
    desk.agree("ben", [WEAPONS, "unknown"])
    assert [answered(desk, "anna", SAFE) for _ in range(2)] == [sha(2), sha(3)]
    assert [answered(desk, "ben", SAFE) for _ in range(3)] == [sha(0), sha(1), sha(3)]
    assert why(desk.take("near", "anna")) is why(desk.take("near", "ben")) is WhyNothing.consent


def test_a_category_that_a_rater_found_counts_as_well(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA, NA))
    desk.agree("ben", [HATE])
    answered(desk, "anna", UNSAFE)
    assert taken(desk, "ben").image_sha256 == sha(1)
    answered(desk, "cleo", SAFE)
    desk.agree("dan", [HATE])
    assert why(desk.take_contested("near", "dan")) is WhyNothing.consent
    with pytest.raises(NotConsented):
        desk.contested("near", sha(0), "dan")


def test_consent_that_is_taken_back_counts_at_once(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (WEAPONS, VIOLENCE))
    taken(desk, "anna")
    answered(desk, "ben", UNSAFE)
    desk.agree("anna", [VIOLENCE])
    with pytest.raises(NotOffered):
        desk.shown("near", sha(0), "anna")
    assert taken(desk, "anna").image_sha256 == sha(1)
    desk.agree("ben", [VIOLENCE])
    with pytest.raises(NotConsented):
        desk.shown("near", sha(0), "ben")


# The daily cap.
def test_reveals_and_answers_count_towards_the_cap_of_a_day(desk: ReviewDesk, store: LabelStore, clock: Clock) -> None:
    queue(store)
    desk.agree("anna", EVERYTHING, daily_cap=3)
    image = taken(desk, "anna").image_sha256
    assert desk.reveal("near", image, "anna").left_today == 2
    assert desk.reveal("near", image, "anna").left_today == 2
    desk.answer("near", image, "anna", SAFE)
    second = taken(desk, "anna").image_sha256
    assert desk.reveal("near", second, "anna").left_today == 0
    assert taken(desk, "anna").image_sha256 == second
    desk.answer("near", second, "anna", SAFE)
    assert why(desk.take("near", "anna")) is WhyNothing.cap
    assert desk.annotator("anna").used_today == 4
    clock.wait(hours=13)
    assert desk.annotator("anna").used_today == 0
    assert taken(desk, "anna").image_sha256 == sha(2)


def test_at_the_cap_nothing_more_is_revealed(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, name="near")
    queue(store, name="far")
    desk.agree("anna", EVERYTHING, daily_cap=1)
    taken(desk, "anna")
    taken(desk, "anna", "far")
    desk.reveal("near", sha(0), "anna")
    with pytest.raises(CapReached, match="enough for today"):
        desk.reveal("far", sha(0), "anna")
    assert not desk.shown("far", sha(0), "anna").revealed


def test_a_person_may_only_lower_the_cap_of_the_desk(desk: ReviewDesk) -> None:
    assert desk.agree("anna", [], daily_cap=99).daily_cap == 10
    assert desk.agree("anna", [], daily_cap=0).daily_cap == 0
    assert desk.agree("anna", []).daily_cap == 10
    with pytest.raises(UsageError, match="0 or more"):
        desk.agree("anna", [], daily_cap=-1)


# Blur.
def test_an_image_is_blurred_for_each_until_they_ask(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store)
    assert not taken(desk, "anna").revealed
    taken(desk, "ben")
    assert desk.shown("near", sha(0), "anna").place.file == "0.png"
    desk.reveal("near", sha(0), "anna")
    assert desk.shown("near", sha(0), "anna").revealed
    assert taken(desk, "anna").revealed
    assert not desk.shown("near", sha(0), "ben").revealed


# Adjudication.
def test_what_raters_differ_about_goes_to_a_third_with_all_they_said(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (WEAPONS, NA))
    contest(desk)
    for rater in ("anna", "ben"):
        assert why(desk.take_contested("near", rater)) is WhyNothing.done
        with pytest.raises(NotOffered, match="You have rated"):
            desk.contested("near", sha(0), rater)
    contested = taken_contested(desk, "cleo")
    assert {given.user: given.answer for given in contested.answers} == {"anna": SAFE, "ben": UNSAFE}
    assert contested.claims == (claim(WEAPONS),)
    assert desk.adjudicate("near", sha(0), "cleo", BARELY, contested.current) is State.settled
    assert store.rows("near")[0].label == BARELY
    decided = [one for one in store.events() if one.stage is Stage.adjudication]
    assert {one.model for one in decided} == {"mini"}
    assert why(desk.take_contested("near", "dan")) is WhyNothing.done


def test_two_adjudicators_get_different_items(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA, NA))
    contest(desk, 0)
    contest(desk, 1)
    assert taken_contested(desk, "cleo").image_sha256 == sha(0)
    assert taken_contested(desk, "dan").image_sha256 == sha(1)
    assert taken_contested(desk, "cleo").image_sha256 == sha(0)


def test_of_two_decisions_the_second_is_a_conflict_and_nothing_is_overwritten(
    desk: ReviewDesk, store: LabelStore
) -> None:
    queue(store, (NA,))
    contest(desk)
    of_cleo = desk.contested("near", sha(0), "cleo")
    of_dan = desk.contested("near", sha(0), "dan")
    desk.adjudicate("near", sha(0), "cleo", SAFE, of_cleo.current, submission="form-of-cleo")
    with pytest.raises(Conflict) as refused:
        desk.adjudicate("near", sha(0), "dan", UNSAFE, of_dan.current)
    assert refused.value.current[LabelField.rating] == "Safe"
    assert desk.adjudicate("near", sha(0), "cleo", SAFE, of_cleo.current, submission="form-of-cleo") is State.settled
    with pytest.raises(NotOffered):
        desk.adjudicate("near", sha(0), "cleo", UNSAFE, of_cleo.current, submission="form-of-cleo")
    assert store.rows("near")[0].adjudicator == "cleo"
    again = desk.contested("near", sha(0), "dan")
    desk.adjudicate("near", sha(0), "dan", UNSAFE, again.current)
    assert store.rows("near")[0].label == UNSAFE


def test_of_many_decisions_at_once_one_stands(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA,))
    contest(desk)
    users = [f"user-{number}" for number in range(6)]
    for user in users:
        desk.agree(user, EVERYTHING)
    seen = {user: desk.contested("near", sha(0), user).current for user in users}

    def decide(user: str) -> bool:
        try:
            desk.adjudicate("near", sha(0), user, UNSAFE, seen[user])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(users)) as pool:
        assert sum(pool.map(decide, users)) == 1
    assert len({one.user for one in store.events() if one.stage is Stage.adjudication}) == 1


def test_an_adjudicator_was_handed_the_item(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA,))
    contest(desk)
    with pytest.raises(NotOffered):
        desk.adjudicate("near", sha(0), "dan", UNSAFE, dict.fromkeys(LabelField))


def test_a_team_of_two_adjudicates_its_own_items_where_the_queue_says_so(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA,), raters_adjudicate=True)
    contest(desk)
    contested = taken_contested(desk, "anna")
    assert desk.adjudicate("near", sha(0), "anna", UNSAFE, contested.current) is State.settled


def test_one_rater_settles_where_one_is_asked(desk: ReviewDesk, store: LabelStore) -> None:
    queue(store, (NA,), raters=1)
    answered(desk, "anna", UNSAFE)
    assert store.rows("near")[0].label == UNSAFE
    assert why(desk.take("near", "ben")) is WhyNothing.done
