"""The playground: a verdict under one policy or two, changed policies where a key may send them, errors as errors."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from eyeward.images.known import KnownHashes
from eyeward.policy import Policy, Reworded
from eyeward.serve.keys import Keys
from eyeward.serve.pages.playground import SCENES, drawn
from eyeward.serve.policies import PolicyBook
from eyeward.serve.settings import ServeSettings
from tests.serve.pages.visiting import Visit, visiting
from tests.serve.test_keys import entry, write
from tests.serve.world import BRIGHT, DARK, GREY, Engine, patiently, png, service

DEFAULT = Policy.load("default")
WEAPONS = "O6: Weapons or Substance Abuse"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def visit(engine: Engine) -> Iterator[Visit]:
    with visiting(service(engine, unknown=["zeppelin"])) as visit:
        yield visit


def ask(visit: Visit, image: bytes, *policies: str, name: str = "a.png", **more: str) -> Any:
    """Ask as the page does."""
    fields = [("policy", (None, policy)) for policy in policies] + [(key, (None, value)) for key, value in more.items()]
    return visit.send("/playground/assess", files=[("image", (name, image, "image/png")), *fields])


def test_an_image_gets_a_verdict_with_a_number_for_each_category(visit: Visit) -> None:
    answer = ask(visit, png(BRIGHT), "default@1", explain="true")
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["judged"]
    assert (one["verdict"]["rating"], one["verdict"]["category"]) == ("Unsafe", WEAPONS)
    assert one["verdict"]["image"] == "a.png"
    assert one["scores"][WEAPONS] == pytest.approx(0.75 * BRIGHT / 255)
    assert set(one["scores"]) == set(DEFAULT.labels)
    assert one["covered"]["not_covered"] == []


def test_two_policies_stand_side_by_side_in_the_order_in_which_they_were_sent(visit: Visit) -> None:
    judged = ask(visit, png(DARK), "news@1", "default@1").json()["judged"]
    assert [one["verdict"]["policy"]["name"] for one in judged] == ["news", "default"]


def test_a_changed_policy_is_judged_by_as_it_is_sent(visit: Visit) -> None:
    changed = DEFAULT.sensitive("O2").remove_rule("O6", DEFAULT.category("O6").can[0])
    sent = json.dumps(changed.model_dump(mode="json", exclude={"verbatim"}))
    (one,) = ask(visit, png(BRIGHT), sent).json()["judged"]
    assert one["verdict"]["policy"]["hash"] == changed.hash
    policy = visit.send("/playground/policy", {"policy": sent}).json()
    assert policy["ref"]["hash"] == changed.hash
    assert [category["stance"] for category in policy["categories"]].count("sensitive") == 1


def test_the_prompt_is_what_the_guard_reads(visit: Visit) -> None:
    policy = visit.send("/playground/policy", {"policy": "children@1"}).json()
    asked = service()
    prompt = asked.guard.profile.question(Policy.load("children")).segments
    assert policy["prompt"] == [prompt[0].text, prompt[2].text]  # type: ignore[union-attr]
    assert Policy.load("children").categories[0].should_not[0] in "".join(policy["prompt"])
    assert Policy.from_text(policy["yaml"]).hash == Policy.load("children").hash


def test_a_policy_in_words_of_its_own_is_said_to_carry_them(visit: Visit) -> None:
    worded = DEFAULT.reworded(Reworded(field="start_sentence", to="Look at it."))
    policy = visit.send("/playground/policy", {"policy": json.dumps(worded.model_dump(mode="json"))}).json()
    assert policy["prompt"][0].startswith("user: Look at it.\n")
    assert policy["ref"]["hash"] == worded.hash
    assert policy["has_verbatim"] is True
    assert visit.send("/playground/policy", {"policy": "default@1"}).json()["has_verbatim"] is False


def test_what_the_guard_cannot_read_is_said(visit: Visit) -> None:
    sent = json.dumps(DEFAULT.add_rule("O6", "zeppelin.", "can").model_dump(mode="json"))
    policy = visit.send("/playground/policy", {"policy": sent}).json()
    assert policy["covered"]["not_covered"] == ["O6"]
    assert policy["covered"]["unknown_words"] == {"O6": ["zeppelin"]}
    (one,) = ask(visit, png(DARK), sent).json()["judged"]
    assert one["covered"]["not_covered"] == ["O6"]
    assert one["verdict"]["rating"] == "Review"


@pytest.mark.parametrize(
    ("image", "kind"),
    [(b"a", "unsupported_format"), (b"", "unreadable"), (png(GREY, 300)[:100], "truncated")],
)
def test_an_image_that_cannot_be_judged_is_an_error_and_never_safe(visit: Visit, image: bytes, kind: str) -> None:
    answer = ask(visit, image, "default@1")
    assert "Safe" not in answer.text
    (one,) = answer.json()["judged"]
    assert (one["verdict"]["status"], one["verdict"]["error"]["type"]) == ("error", kind)
    assert one["verdict"]["rating"] is None
    assert one["scores"] == {}


def test_an_engine_that_is_down_is_an_error_before_the_body_is_read(visit: Visit, engine: Engine) -> None:
    engine.trouble = "crash"
    answer = ask(visit, png(DARK), "default@1")
    assert answer.status_code == 503
    assert "Safe" not in answer.text
    patiently(lambda: visit.client.get("/ready").status_code == 503)
    judged = len(engine.batches)
    answer = ask(visit, png(DARK), "default@1")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "engine_unavailable")
    unread = visit.send("/playground/assess", {"nonsense": 1})
    assert unread.status_code == 503, "nothing of the body was looked at"
    assert answer.headers["retry-after"]
    engine.trouble = ""
    patiently(lambda: visit.client.get("/ready").status_code == 200)
    assert len(engine.batches) > judged


@pytest.mark.parametrize(
    ("policies", "status", "said"),
    [
        (["missing"], 422, "There is no policy"),
        (["name: mine\n"], 422, "categories"),
        (["{"], 422, "YAML"),
        (["# " + "x" * 70_000 + "\n"], 422, "letters"),
        (["default@1"] * 65, 400, "Too many fields"),
    ],
)
def test_a_policy_that_cannot_be_used_is_an_error(visit: Visit, policies: list[str], status: int, said: str) -> None:
    answer = ask(visit, png(DARK), *policies)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert "judged" not in answer.json()


def test_errors_of_a_policy_come_with_their_lines(visit: Visit) -> None:
    text = "name: mine\ncategories:\n  - {id: O1, name: A, should_not: [x]}\n  - {id: O1, name: B, should_not: [y]}\n"
    answer = visit.send("/playground/policy", {"policy": text})
    assert answer.status_code == 422
    assert any("4: error" in finding for finding in answer.json()["error"]["findings"])


def test_one_image_at_a_time(visit: Visit) -> None:
    two = [("image", ("a.png", png(DARK), "image/png")), ("image", ("b.png", png(DARK), "image/png"))]
    assert visit.send("/playground/assess", files=two).status_code == 400
    sent = {"images": [{"base64": "YQ=="}, {"base64": "YQ=="}]}
    assert visit.send("/playground/assess", sent).status_code == 400


def test_a_body_past_the_limit_is_refused() -> None:
    with visiting(service(settings=ServeSettings(body_bytes=2_000))) as visit:
        assert ask(visit, png(DARK) + b"\0" * 4_000, "default").status_code == 413


def test_a_known_image_is_unsafe_and_says_so() -> None:
    from eyeward.images.hashes import sha256_of_bytes

    known = KnownHashes(frozenset([sha256_of_bytes(png(DARK))]))
    with visiting(service(known=known)) as visit:
        (one,) = ask(visit, png(DARK), "default").json()["judged"]
        assert (one["verdict"]["rating"], one["verdict"]["notes"]) == ("Unsafe", ["hash_match"])


def test_keys_bring_their_limits(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path / "policies")
    for stance in ("enforced", "sensitive"):
        mine = DEFAULT.only("O6").renamed("mine").with_stance(stance, "O6")
        book.put("mine", mine.to_yaml())
    keys = write(
        tmp_path / "keys.yaml",
        entry("plain", "plain"),
        entry("pinned", "pinned", policies=["mine@1", "news"]),
        entry("free", "free", inline_policies=True),
        entry("owner", "owner", roles=["policy_owner"]),
    )
    inline = DEFAULT.only("O6").to_yaml()
    with visiting(service(keys=Keys(keys), book=book)) as visit:
        visit.sign_in("plain")
        page = visit.page("/")
        assert 'data-may-edit="no"' in page
        assert 'value="mine@2"' in page
        assert ask(visit, png(DARK), "default").status_code == 200
        assert ask(visit, png(DARK), inline).status_code == 403
        assert visit.send("/playground/policy", {"policy": inline}).status_code == 403
        visit.sign_in("pinned")
        page = visit.page("/")
        assert 'value="mine@1" selected' in page
        assert 'value="mine@2"' not in page
        assert 'value="default@1"' not in page
        assert ask(visit, png(DARK), "mine@1").status_code == 200
        assert ask(visit, png(DARK), "mine@2").status_code == 403
        assert ask(visit, png(DARK), "default").status_code == 403
        visit.sign_in("free")
        assert 'data-may-edit="yes"' in visit.page("/")
        assert ask(visit, png(DARK), inline).status_code == 200
        visit.sign_in("owner")
        assert ask(visit, png(DARK), "default").status_code == 403
        assert visit.get("/").headers["location"] == "/policies"


def test_scenes_are_drawn_for_those_who_have_no_image(visit: Visit) -> None:
    page = visit.page("/")
    for name in SCENES:
        assert f'data-scene="{name}"' in page
    answer = visit.get("/playground/scenes/cake.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == drawn("cake")
    assert answer.content.startswith(b"\x89PNG")
    for name in ("none", "..%2fcake", "cake%00"):
        assert visit.get(f"/playground/scenes/{name}.png").status_code == 404


@pytest.mark.parametrize("name", ["cake", "armed_person_police_badge"])
def test_a_scene_is_the_picture_of_the_same_name_among_the_examples(name: str) -> None:
    example = Path(__file__).parents[3] / "examples" / "images" / f"{name}.png"
    with Image.open(io.BytesIO(drawn(name))) as scene, Image.open(example) as known:
        assert ImageChops.difference(scene.convert("RGB"), known.convert("RGB")).getbbox() is None


def test_the_name_of_an_image_stands_in_no_log(visit: Visit, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "eyeward.serve"):
        ask(visit, png(DARK), "default", name="somebody.png")
    lines = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "request"]
    (line,) = [line for line in lines if line["route"] == "/playground/assess"]
    assert (line["key"], line["ratings"], line["status"]) == ("nobody", ["Safe"], 200)
    assert "somebody" not in str(lines)
