"""Queues, how far they are, and how much raters agree."""

from __future__ import annotations

from eyeward.policy import Policy
from tests.serve.pages.review.people import NONE, WEAPONS, Office


def test_queues_are_listed_with_how_far_they_are(place: Office) -> None:
    place.queue("weapons", pictures=2)
    place.queue("knives", pictures=3, raters=1, file_name="other-{number}.png")
    (ada,) = place.ready("ada")
    ada.answers(ada.rate("knives"))
    ada.submit(ada.rate("knives"), "/skip")
    page = ada.get("/review")
    assert "0 of 2 settled" in page.text
    assert "2 raters an image" in page.text
    assert "1 rater an image" in page.text
    assert "1 of 3 settled, 0 contested, 2 open; answers: 1, skips: 1" in page.text
    assert "/review/queues/knives/rate" in page.links
    assert "/review/queues/knives/adjudicate" not in page.links


def test_without_a_queue_the_page_says_how_to_make_one(place: Office) -> None:
    assert "eyeward review add" in place.person("ada").get("/review").text


def test_agreement_is_shown_by_category_as_it_is_now(place: Office) -> None:
    place.queue(pictures=4)
    ada, bob = place.ready("ada", "bob")
    assert "nothing to compare yet" in ada.get("/review").text
    for rating in ("Unsafe", "Unsafe", "Safe", "Safe"):
        ada.answers(ada.rate(), rating=rating, category=WEAPONS if rating == "Unsafe" else NONE)
    for rating in ("Unsafe", "Safe", "Safe", "Safe"):
        bob.answers(bob.rate(), rating=rating, category=WEAPONS if rating == "Unsafe" else NONE)
    page = ada.get("/review/queues/weapons")
    words = " ".join(page.text.split())
    rating = words.split('<th scope="row">Rating</th>')[1].split("</tr>")[0]
    assert '<td class="number">4</td><td class="number">75 %</td><td class="number">0.50</td>' in rating
    assert WEAPONS in words.split("Whether it falls under")[1]
    assert "75 %" in ada.get("/review").text


def test_the_policy_stands_beside_the_image_with_its_stances_and_runs_nothing(place: Office) -> None:
    rule = "an <img src=x onerror=alert(1)> in a rule"
    policy = Policy.load("default").add_rule("O6", rule, "should_not").sensitive("O2").non_violating("O3")
    place.queue(policy=policy)
    (ada,) = place.ready("ada")
    page = ada.rate()
    assert "an &lt;img src=x onerror=alert(1)&gt; in a rule" in page.text
    assert "<img src=x" not in page.text
    assert page.text.count("Everything in this category is a violation here") == 1
    assert page.text.count("Everything in this category is allowed here") == 1


def test_the_name_of_a_file_is_on_no_page(place: Office) -> None:
    place.queue(file_name="<b onmouseover=alert(1)>gore-{number}.png")
    ada, olga = place.ready("ada", "olga")
    pages = [ada.get("/review"), ada.get("/review/queues/weapons"), ada.rate(), ada.submit(ada.rate(), "/reveal")]
    pages.append(olga.get("/review/queues/weapons"))
    assert [page.status for page in pages] == [200] * 5
    assert not [page for page in pages if "gore" in page.text]


def test_a_queue_or_an_image_that_is_not_there_is_said_not_to_be(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    for path in (
        "/review/queues/missing",
        "/review/queues/missing/rate",
        "/review/queues/%00/rate",
        "/review/queues/a%2Fb",
        "/review/queues/weapons/images/" + "g" * 64,
    ):
        assert ada.get(path).status == 404, path


def test_who_has_not_answered_about_an_image_is_led_to_the_next_one(place: Office) -> None:
    place.queue()
    (ada,) = place.ready("ada")
    page = ada.rate()
    for image in (page.image, "0" * 64):
        assert ada.get(f"/review/queues/weapons/images/{image}").path == "/review/queues/weapons/rate"
