"""The default pack in other languages: the same categories and rules, in the script that is named, and who reads it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from eyeward.data.sample import Split
from eyeward.errors import UsageError
from eyeward.evaluate.covered import GuardCoverage
from eyeward.evaluate.questions import read_questions
from eyeward.evaluate.suites.languages import FOLDER, in_languages, not_read, translations
from eyeward.guard import load_guard
from eyeward.policy import Policy
from eyeward.scenes.labels import write_scenes
from eyeward.verdict import Rating
from tests.evaluate.worlds import guard

DEFAULT = Policy.load("default")
CAKE = Path(__file__).parents[3] / "examples" / "images" / "cake.png"
SCRIPTS = {"ar": "ARABIC", "hi": "DEVANAGARI", "ru": "CYRILLIC", "zh": "CJK"}
GLOSSARY = (
    ("newspaper", "الصحف", "अख़बार", "газет", "报纸"),
    ("poster", "ملصقات", "पोस्टर", "плакат", "海报"),
    ("museum", "متاحف", "संग्रहालय", "музе", "博物馆"),
    ("badge", "شارة", "बैज", "значк", "警徽"),
    ("police", "شرطة", "पुलिस", "полиц", "警[察方用]"),
    ("victims", "ضحايا", "पीड़ित", "жертв.* пострадавши", "受害者"),
    ("without", "بلا ", "बिना", "без ", "没有"),
    ("animal", "حيوان", "पशु", "животн", "动物"),
    ("weapon|firearm", "سلاح|أسلحة", "हथियार|आग्नेयास्त्र", "оружи", "武器|枪支"),
    ("drug", "مخدرات", "नशीले पदार्थ", "наркотик", "毒品"),
    ("alcohol", "كحول", "शराब", "алкогол", "酒精"),
    ("smok", "تدخين", "धूम्रपान", "курени", "吸烟"),
    (r"\bbod(y|ies)\b", "جسد|أجساد|جسم", "शरीर", r"\bтел(о|а|е)?\b", "身体"),
    (r"\bbare\b", "عار", "नग्न", "обнажённ", "裸露"),
    ("suicide", "انتحار", "आत्महत्या", "самоубийств", "自杀"),
    ("pills", "حبوب", "गोलियाँ", "таблет", "药片"),
    ("robbery", "السطو", "लूट", "грабеж", "抢劫"),
    ("false", "مزيف", "नकली", "фальшив", "假"),
    (r"\bfires\b", "حرائق", "आग(?!्)", "пожар", "火灾"),
    ("flood", "فيضان", "बाढ़", "наводнен", "洪水"),
    ("crash", "حوادث مرور", "दुर्घटना", "авари", "事故"),
    ("building", "مبان", "भवन|इमारत", "здани", "建筑"),
    ("disaster", "كوارث", "आपदा", "катастроф", "灾难"),
    (r"\bhate\b", "كراهية", "घृणा", "ненавист", "仇恨"),
    ("violence", "عنف", "हिंसा", "насили", "暴力"),
    (r"\bvet\b", "بيطري", "पशु चिकित्सक", "ветеринар", "兽医"),
    ("knives", "سكاكين", "चाकू", "нож", "刀"),
    ("sexual", "جنسي", "यौन", "сексуальн", "性服务|性健康"),
    ("rescue", "إنقاذ", "बचाव", "спасател", "救援"),
    ("religious|worship", "ديني|عبادة", "धार्मिक|पूजा", "религиозн|богослужен", "宗教|礼拜"),
    ("wounded", "جرحى|جريح", "घायल", "ранен", "受伤"),
    (r"\bdead\b", "موتى", "मृत", "мёртв", "死亡"),
    (r"\bsigns\b", "لافتات", "तख़्तियाँ", "знаки", "标牌"),
)
"""Words of the English rules, and what stands for them in each language; regular expressions."""


@pytest.mark.parametrize("language", SCRIPTS)
def test_a_translation_has_every_category_and_every_rule_in_its_script(language: str) -> None:
    policy = Policy.load(FOLDER / f"default-{language}.yaml")
    assert policy.name == f"default-{language}" and policy.ids == DEFAULT.ids
    for ours, theirs in zip(DEFAULT.categories, policy.categories, strict=True):
        assert (len(ours.should_not), len(ours.can), ours.stance) == (
            len(theirs.should_not),
            len(theirs.can),
            theirs.stance,
        )
        for text in (theirs.name, *theirs.rules):
            letters = [letter for letter in text if letter.isalpha()]
            assert letters and all(unicodedata.name(letter).startswith(SCRIPTS[language]) for letter in letters)
    assert policy.lint() == ()


@pytest.mark.parametrize("language", SCRIPTS)
def test_every_rule_says_in_translation_what_it_says_in_english_and_no_more(language: str) -> None:
    policy = Policy.load(FOLDER / f"default-{language}.yaml")
    place = list(SCRIPTS).index(language) + 1
    found = set()
    for ours, theirs in zip(DEFAULT.categories, policy.categories, strict=True):
        for kind in ("should_not", "can"):
            for english, foreign in zip(getattr(ours, kind), getattr(theirs, kind), strict=True):
                for words in GLOSSARY:
                    said = re.search(words[0], english) is not None
                    assert said == (re.search(words[place], foreign) is not None), (words[0], english, foreign)
                    found |= {words[0]} if said else set()
    assert len(found) == len(GLOSSARY)  # every word is one of the rules


def test_all_that_ship_are_asked() -> None:
    assert [policy.name for policy in translations()] == [f"default-{language}" for language in SCRIPTS]


def test_what_is_right_in_english_is_right_in_translation(tmp_path: Path) -> None:
    write_scenes(tmp_path / "s", 6, 3, split=Split.TEST, size=32)
    asks = read_questions(tmp_path / "s").asks
    asked = in_languages(asks, translations())
    assert len(asked) == 5 * len(asks)
    assert [ask.question.number for ask in asked] == list(range(len(asked)))
    for place, ask in enumerate(asked[len(asks) :]):
        own, policy = asks[place % len(asks)].question, translations()[place // len(asks)]
        assert (ask.question.image, ask.question.rating) == (own.image, own.rating)
        assert ask.policy is policy and ask.question.policy_hash == policy.hash
        label = ask.question.category
        assert label.split(":")[0] == own.category.split(":")[0]
        assert label == own.category or label in policy.labels


def test_labels_under_another_policy_have_no_translation(tmp_path: Path) -> None:
    write_scenes(tmp_path / "s", 2, 3, split=Split.TEST, size=32)
    asks = read_questions(tmp_path / "s", [Policy.load("news")]).asks
    with pytest.raises(UsageError, match="of the default policy"):
        in_languages(asks, translations())
    with pytest.raises(UsageError, match="default has other categories"):
        in_languages(read_questions(tmp_path / "s").asks, [DEFAULT.only("O6")])


def test_mini_says_that_it_reads_none_of_them_and_calls_nothing_safe_there() -> None:
    mini = load_guard("mini")
    coverage = GuardCoverage.of(mini, (DEFAULT, *translations()))
    named = tuple(policy.name for policy in translations())
    assert not_read({"mini": coverage}, (DEFAULT, *translations())) == {"mini": named}
    for policy in translations():
        verdict = mini.assess(CAKE, policy, explain=False)  # spelled in bytes, some are too long for it as well
        assert verdict.rating is (Rating.Review if verdict.error is None else None)
    assert mini.assess(CAKE, translations()[-1]).rating is Rating.Review


def test_a_guard_that_knows_all_words_reads_them_all() -> None:
    coverage = GuardCoverage.of(guard(), translations())
    assert not_read({"bright": coverage}, translations()) == {"bright": ()}
