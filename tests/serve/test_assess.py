"""`/v1/assess`: several images, several policies, by name or sent along; one verdict for each."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eyeward.images import Limits
from eyeward.images.known import KnownHashes
from eyeward.images.pdq import pdq_hash
from eyeward.policy import Policy
from eyeward.serve import bodies
from eyeward.serve import service as service_module
from eyeward.serve.policies import PolicyBook, read_policy
from eyeward.serve.settings import ServeSettings
from eyeward.verdict import Verdict
from tests.images.test_pdq import picture
from tests.serve.watching import Watch
from tests.serve.world import BRIGHT, DARK, GREY, LOCAL, Engine, assess, bmp, coded, data_url, png, service, serving

WEAPONS = "O6: Weapons or Substance Abuse"


def verdicts(answer: Any) -> list[Verdict]:
    assert answer.status_code == 200, answer.text
    return [Verdict.model_validate(verdict) for verdict in answer.json()["verdicts"]]


def ratings(answer: Any) -> list[str | None]:
    return [None if verdict.rating is None else verdict.rating.value for verdict in verdicts(answer)]


def test_one_image_as_json_gets_the_verdict_that_python_gives() -> None:
    of = service()
    with serving(of) as client:
        answer = assess(client, BRIGHT)
        (verdict,) = verdicts(answer)
        own = of.guard.assess(png(BRIGHT), "default")
        assert verdict.model_copy(update={"seconds": None}) == own.model_copy(update={"seconds": None})
        assert answer.json()["flagged"] is True
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["cache-control"] == "no-store"


def test_every_image_under_every_policy_image_by_image() -> None:
    with serving(service()) as client:
        answer = assess(client, BRIGHT, DARK, policies=["default", "children"])
        assert [(v.policy.name, v.rating) for v in verdicts(answer)] == [
            ("default", "Unsafe"),
            ("children", "Unsafe"),
            ("default", "Safe"),
            ("children", "Safe"),
        ]
        assert answer.json()["flagged"] is True
        assert assess(client, DARK, DARK).json()["flagged"] is False


def test_names_of_images_come_back_and_rationales_only_when_asked_for() -> None:
    with serving(service()) as client:
        image = {"url": data_url(png(BRIGHT)), "name": "a\x1bb.png"}
        (plain,) = verdicts(client.post("/v1/assess", json={"images": [image]}))
        (explained,) = verdicts(client.post("/v1/assess", json={"images": [image], "explain": True}))
        assert plain.image == "'a\\x1bb.png'"
        assert (plain.rationale, explained.rationale) == (None, "Because.")


def test_a_form_says_the_same_as_json() -> None:
    with serving(service()) as client:
        answer = client.post(
            "/v1/assess",
            files=[("image", ("one.png", png(BRIGHT), "image/png")), ("image", ("two.png", png(DARK), "text/plain"))],
            data={"policy": ["default", "news"], "explain": "true", "deadline_seconds": "30"},
        )
        found = verdicts(answer)
        assert [(v.image, v.policy.name, v.rating) for v in found] == [
            ("one.png", "default", "Unsafe"),
            ("one.png", "news", "Unsafe"),
            ("two.png", "default", "Safe"),
            ("two.png", "news", "Safe"),
        ]
        assert found[0].rationale == "Because."


def test_an_upload_larger_than_a_megabyte_is_never_written_to_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    large = png(BRIGHT) + b"\0" * (3 << 20)
    with serving(service()) as client:
        answer = client.post("/v1/assess", files=[("image", ("one.png", large, "image/png"))])
        assert ratings(answer) == ["Unsafe"]
        assert verdicts(answer)[0].sha256 == hashlib.sha256(large).hexdigest()


def test_a_policy_may_be_sent_along_as_an_object_or_as_yaml() -> None:
    mine = Policy.load("default").only("O2").renamed("mine")
    with serving(service()) as client:
        for sent in (mine.model_dump(mode="json"), mine.to_yaml()):
            (verdict,) = verdicts(assess(client, BRIGHT, policies=[sent]))
            assert (verdict.policy.name, verdict.policy.hash) == ("mine", mine.hash)
        answer = client.post("/v1/assess", files=[("image", ("a.png", png(BRIGHT)))], data={"policy": mine.to_yaml()})
        assert verdicts(answer)[0].policy.hash == mine.hash


def test_versions_of_a_policy_are_asked_for_by_number(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path)
    mine = Policy.load("default").only("O2").renamed("mine")
    book.put("mine", mine.to_yaml())
    book.put("mine", mine.sensitive("O2").to_yaml())
    with serving(service(book=book)) as client:
        found = verdicts(assess(client, BRIGHT, policies=["mine", "mine@1"]))
        assert [verdict.policy.version for verdict in found] == [2, 1]


def test_an_image_that_cannot_be_judged_is_an_error_beside_the_verdicts_of_others() -> None:
    with serving(service()) as client:
        images = [{"base64": coded(png(DARK))}, {"base64": coded(b"no image")}, {"base64": ""}]
        answer = client.post("/v1/assess", json={"images": images})
        assert ratings(answer) == ["Safe", None, None]
        assert [v.error.type for v in verdicts(answer) if v.error] == ["unsupported_format", "unreadable"]
        assert answer.json()["flagged"] is True


def test_an_abstention_is_flagged() -> None:
    with serving(service()) as client:
        answer = assess(client, GREY)
        assert ratings(answer) == ["Review"]
        assert answer.json()["flagged"] is True


def test_addresses_are_refused_while_no_host_is_allowed() -> None:
    with serving(service()) as client:
        answer = client.post("/v1/assess", json={"images": [{"url": f"{LOCAL}/a.png"}, {"url": "file:///etc/passwd"}]})
        assert [v.error.type for v in verdicts(answer) if v.error] == ["fetch_refused", "fetch_refused"]
        assert answer.json()["flagged"] is True


def test_a_known_image_is_unsafe_at_once_and_never_reaches_the_engine() -> None:
    engine = Engine()
    known = KnownHashes(frozenset([hashlib.sha256(png(DARK)).hexdigest()]))
    with serving(service(engine, known=known)) as client:
        before = len(engine.batches)
        answer = assess(client, DARK, policies=["default", "children"])
        assert [(v.rating, v.notes) for v in verdicts(answer)] == [("Unsafe", ("hash_match",))] * 2
        assert len(engine.batches) == before
        engine.trouble = "crash"
        assert ratings(assess(client, DARK)) == ["Unsafe"], "it needs no engine"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        (b"[]", 422, "does not fit"),
        (b"{}", 422, "images"),
        (b'{"images": []}', 422, "images"),
        (b'{"images": [{}]}', 422, "either base64 or url"),
        (b'{"images": [{"base64": "?"}]}', 400, "no base64"),
        (b'{"images": [{"base64": "YQ=="}], "polices": ["default"]}', 422, "polices"),
        (b'{"images": [{"base64": "YQ=="}], "policies": ["none"]}', 422, "There is no policy"),
        (b'{"images": [{"base64": "YQ=="}], "policies": [{"name": "x"}]}', 422, "cannot be used"),
        (b'{"images": [{"base64": "YQ=="}], "policies": ["a\\n: b: c"]}', 422, "cannot be used"),
        (b'{"images": [{"base64": "YQ=="}], "deadline_seconds": 0}', 422, "deadline_seconds"),
        (b'{"images": [{"base64": "YQ=="}], "deadline_seconds": NaN}', 422, "finite"),
        (json.dumps({"images": [{"base64": "YQ=="}] * 17}).encode(), 422, "at most 16 images"),
        (json.dumps({"images": [{"base64": "YQ=="}] * 16, "policies": ["default"] * 5}).encode(), 422, "at most 64"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence_and_no_rating(body: bytes, status: int, said: str) -> None:
    with serving(service()) as client:
        answer = client.post("/v1/assess", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status, answer.text
        assert said in answer.json()["error"]["message"]
        assert "Safe" not in answer.text
        assert "verdicts" not in answer.text


@pytest.mark.parametrize(
    ("files", "fields", "said"),
    [
        ([("picture", ("a.png", b"a"))], {}, "has a field 'picture'"),
        ([("policy", ("a.png", b"a"))], {}, "image is a file"),
        ([], {"image": "text"}, "image is a file"),
        ([("image", ("a.png", b"a"))], {"explain": "perhaps"}, "true or false"),
        ([("image", ("a.png", b"a"))], {"deadline_seconds": "-1"}, "from 0.1 on"),
        ([("image", ("a.png", b"a"))], {"deadline_seconds": "nan"}, "from 0.1 on"),
        ([("image", (f"{n}.png", b"a")) for n in range(17)], {}, "Too many files"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(files: Any, fields: dict[str, str], said: str) -> None:
    with serving(service()) as client:
        sent = files or [("policy", (None, "default"))]
        answer = client.post("/v1/assess", files=sent, data=fields)
        assert answer.status_code == 400, answer.text
        assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "content", [b"", b"--x", b"--x\r\n\r\nabc", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"]
)
def test_a_form_that_was_cut_or_is_none_is_refused(content: bytes) -> None:
    with serving(service()) as client:
        answer = client.post("/v1/assess", content=content, headers={"content-type": "multipart/form-data; boundary=x"})
        assert answer.status_code in (400, 422), answer.text
        assert (
            client.post("/v1/assess", content=content, headers={"content-type": "multipart/form-data"}).status_code
            == 400
        )


def test_a_body_of_another_kind_is_refused() -> None:
    with serving(service()) as client:
        for kind in ("image/png", "application/x-www-form-urlencoded", "text/plain"):
            answer = client.post("/v1/assess", content=png(DARK), headers={"content-type": kind})
            assert answer.status_code == 415


def test_limits_of_images_are_those_of_the_service() -> None:
    settings = ServeSettings(image=Limits(max_pixels=50, max_bytes=10_000))
    with serving(service(settings=settings)) as client:
        answer = assess(client, DARK)
        assert [v.error.type for v in verdicts(answer) if v.error] == ["too_many_pixels"]


def test_the_words_of_a_policy_that_the_guard_never_met_make_every_verdict_review() -> None:
    with serving(service(unknown=["zeppelin"])) as client:
        mine = Policy.load("default").only("O2").add_rule("O2", "zeppelin.", "can").renamed("mine")
        answer = assess(client, DARK, policies=[mine.to_yaml()])
        assert ratings(answer) == ["Review"]
        assert answer.json()["flagged"] is True


def test_what_looks_like_a_picture_on_a_list_is_known_too_and_is_looked_at_beside_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = KnownHashes(frozenset(["pdq:" + pdq_hash(picture(1, 300, 200))]))
    again, other = io.BytesIO(), io.BytesIO()
    picture(1, 300, 200).resize((160, 120)).save(again, "JPEG", quality=50)
    picture(2, 300, 200).save(other, "PNG")
    of, watch = service(known=known), Watch(monkeypatch)
    watch(KnownHashes, "match_pictures")
    with serving(of) as client:
        sent = [{"base64": coded(file.getvalue())} for file in (again, other)]
        answer = client.post("/v1/assess", json={"images": sent, "policies": ["default"]})
        assert [(v.rating, v.notes) for v in verdicts(answer)][0] == ("Unsafe", ("hash_match",))
        assert "hash_match" not in verdicts(answer)[1].notes
    assert watch.in_loop == [("match_pictures", False)] * 2


def test_others_need_not_wait_while_large_bodies_are_read_and_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [bmp(BRIGHT, 100) for _ in range(12)]
    known = KnownHashes(frozenset([hashlib.sha256(images[0]).hexdigest()]))
    of, watch = service(known=known), Watch(monkeypatch)
    watch(bodies, "_asked")
    watch(KnownHashes, "match_digests")
    with serving(of) as client:
        sent = {"images": [{"base64": coded(image)} for image in images], "policies": ["default"]}
        assert ratings(client.post("/v1/assess", json=sent)) == ["Unsafe"] * 12
        assert watch.in_loop == [("_asked", False)] + [("match_digests", False)] * 12
        watch.in_loop.clear()
        assert assess(client, BRIGHT).status_code == 200
        assert watch.in_loop == [("_asked", True), ("match_digests", True)], "what is small is read at once"


def test_more_policies_than_may_be_asked_about_are_refused_before_one_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = service()
    with serving(of) as client:
        monkeypatch.setattr(of.book, "find", lambda name: pytest.fail("it was looked for"))
        answer = assess(client, DARK, policies=["default"] * 65)
    assert answer.status_code == 422
    assert "names at most 64 policies" in answer.json()["error"]["message"]


def test_policies_are_read_beside_all_other_work_and_no_longer_than_the_request_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[str] = []
    hold = threading.Event()

    def slowly(text: str) -> Any:
        threads.append(threading.current_thread().name)
        assert hold.wait(60.0)
        return read_policy(text)

    monkeypatch.setattr(service_module, "read_policy", slowly)
    of = service()
    with serving(of) as client, ThreadPoolExecutor(4) as callers:
        inline = Policy.load("default").only("O6").to_yaml()
        sent = {"policies": [inline] * 3, "deadline_seconds": 0.3}
        late = callers.map(lambda _: assess(client, DARK, **sent), range(4))
        assert [answer.status_code for answer in late] == [504] * 4
        assert client.get("/v1/policies").status_code == 200, "which is read by other threads"
        hold.set()
        assert assess(client, DARK, policies=[inline]).status_code == 200
    assert len(threads) <= 3, "of those that came too late nobody read the rest"
    assert all(name.startswith("eyeward-policy") for name in threads)
