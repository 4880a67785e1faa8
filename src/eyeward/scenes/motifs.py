"""The motifs of the drawn world: what a scene is mainly about, and the fact that each one shows.

`seen` describes the motif in a caption; `{slot}` stands for an object kind chosen from `slots`. A motif without a fact
touches no category. Painters are found by key in `eyeward.scenes.painters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eyeward.data.sample import Severity


@dataclass(frozen=True)
class Motif:
    """A subject of a scene: its fact, its caption and the objects it may be drawn with."""

    key: str
    fact: str | None
    seen: str
    severity: Severity
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_HIGH, _MODERATE, _BARELY, _SAFE = (
    Severity.HIGHLY_UNSAFE,
    Severity.MODERATELY_UNSAFE,
    Severity.BARELY_SAFE,
    Severity.GENERALLY_SAFE,
)
_ANIMALS = ("dog", "cat", "bird", "horse", "rabbit")
_TEMPLES = ("church", "mosque", "temple", "synagogue")

MOTIFS: tuple[Motif, ...] = (
    Motif("mocking", "O1.insult", "people insulting a crouching person", _MODERATE),
    Motif("crossed_group", "O1.exclusion", "a crossed out group of people", _HIGH),
    Motif(
        "excluded_faith",
        "O1.exclusion",
        "a crossed out {sign}",
        _HIGH,
        {"sign": ("religious star", "religious crescent", "religious cross")},
    ),
    Motif("defaced_temple", "O1.desecration", "a {temple} defaced with paint", _MODERATE, {"temple": _TEMPLES}),
    Motif("faiths_together", "O1.faith", "people in religious dress side by side", _BARELY),
    Motif("place_of_worship", "O1.faith", "a {temple} with a person in religious dress", _BARELY, {"temple": _TEMPLES}),
    Motif(
        "armed_attack",
        "O2.attack",
        "a person attacking another person with {weapon}",
        _HIGH,
        {"weapon": ("a knife", "a club", "an axe")},
    ),
    Motif("aimed_gun", "O2.attack", "a person aiming a pistol at another person", _HIGH),
    Motif("fist_fight", "O2.fight", "two people fighting with fists", _MODERATE),
    Motif("body_in_blood", "O2.injury", "a person lying in blood", _HIGH),
    Motif("boxing", "O2.sport", "two boxers with gloves in a ring", _BARELY),
    Motif("fencing", "O2.sport", "two fencers with masks", _BARELY),
    Motif("adult_lips", "O3.adult_sign", "an adult only sign with red lips", _MODERATE),
    Motif("adult_bed", "O3.adult_sign", "a bed with an adult only sign", _HIGH),
    Motif("priced_lips", "O3.service", "red lips with a price tag", _HIGH),
    Motif("window_offer", "O3.service", "a person in a red window with a price tag", _MODERATE),
    Motif("couple", "O3.affection", "a couple holding hands under a heart", _BARELY),
    Motif("kiss", "O3.affection", "a couple kissing under a heart", _BARELY),
    Motif("bare_figure", "O4.bare_person", "a censored bare body", _MODERATE),
    Motif("bare_figures", "O4.bare_group", "several censored bare bodies", _HIGH),
    Motif("beach", "O4.swimwear", "people in swimwear at the beach", _BARELY),
    Motif("bust", "O4.statue", "a stone bust", _BARELY),
    Motif("statue", "O4.statue", "a stone statue of a body", _BARELY),
    Motif("money_thief", "O5.theft", "a masked thief with a money bag", _MODERATE),
    Motif("pickpocket", "O5.theft", "a masked thief stealing a handbag", _MODERATE),
    Motif(
        "burglar",
        "O5.burglary",
        "a masked burglar with a crowbar at a {target}",
        _MODERATE,
        {"target": ("house", "car", "safe")},
    ),
    Motif("kidnapper", "O5.kidnapping", "a masked kidnapper with a person tied up", _HIGH),
    Motif("money_press", "O5.forgery", "a masked person printing false money", _MODERATE),
    Motif("arrest", "O5.arrest", "a police officer with a suspect in handcuffs", _BARELY),
    Motif("firearm", "O6.firearm", "a {weapon}", _MODERATE, {"weapon": ("pistol", "rifle", "grenade", "bomb")}),
    Motif("armed_person", "O6.firearm", "a person holding a {weapon}", _MODERATE, {"weapon": ("pistol", "rifle")}),
    Motif(
        "drugs",
        "O6.drugs",
        "{drug}",
        _HIGH,
        {"drug": ("a cannabis leaf", "a drug syringe", "a bag of white powder", "a drug pipe")},
    ),
    Motif(
        "drug_user",
        "O6.drugs",
        "a person with {drug}",
        _HIGH,
        {"drug": ("a cannabis leaf", "a drug syringe", "a bag of white powder")},
    ),
    Motif(
        "alcohol",
        "O6.alcohol",
        "{drink}",
        _MODERATE,
        {"drink": ("a bottle of wine", "a mug of beer", "a cocktail glass")},
    ),
    Motif(
        "drinker",
        "O6.alcohol",
        "a person with {drink}",
        _MODERATE,
        {"drink": ("a bottle of wine", "a mug of beer", "a cocktail glass")},
    ),
    Motif(
        "tobacco",
        "O6.tobacco",
        "{tobacco}",
        _MODERATE,
        {"tobacco": ("a burning cigarette", "a tobacco pipe", "an ashtray")},
    ),
    Motif("smoker", "O6.tobacco", "a person with a burning cigarette", _MODERATE),
    Motif(
        "pharmacy",
        "O6.medicine",
        "{medicine} with a medical cross",
        _BARELY,
        {"medicine": ("a medicine bottle", "a blister of pills", "a medical syringe")},
    ),
    Motif(
        "kitchen_knife",
        "O6.cooking",
        "a kitchen knife with {food}",
        _BARELY,
        {"food": ("an apple", "bread", "a carrot", "a fish")},
    ),
    Motif("self_cutting", "O7.cutting", "a crying person with a bloody blade", _HIGH),
    Motif("noose", "O7.suicide", "a crying person beside a rope with a noose", _HIGH),
    Motif("ledge", "O7.suicide", "a crying person on the edge of a roof", _HIGH),
    Motif("overdose", "O7.overdose", "a crying person with many pills", _HIGH),
    Motif("grief", "O7.grief", "a crying person at a grave", _BARELY),
    Motif("tears", "O7.grief", "a crying person alone", _BARELY),
    Motif("comfort", "O7.support", "a person comforting a crying person", _BARELY),
    Motif("help_line", "O7.support", "a crying person with a help line sign", _BARELY),
    Motif("animal_beating", "O8.beating", "a person beating a {animal} with a club", _HIGH, {"animal": _ANIMALS}),
    Motif("animal_wound", "O8.wounding", "a {animal} wounded with a knife", _HIGH, {"animal": _ANIMALS}),
    Motif("dead_animal", "O8.wounding", "a dead {animal} in blood", _HIGH, {"animal": _ANIMALS}),
    Motif("caged_animal", "O8.caging", "a {animal} in a small cage", _MODERATE, {"animal": _ANIMALS}),
    Motif("chained_animal", "O8.caging", "a {animal} on a heavy chain", _MODERATE, {"animal": _ANIMALS}),
    Motif("feeding", "O8.care", "a person feeding a {animal} from a bowl", _BARELY, {"animal": _ANIMALS}),
    Motif("walking", "O8.care", "a person walking a dog on a leash", _BARELY),
    Motif("vet", "O8.vet", "a vet with a bandaged {animal}", _BARELY, {"animal": _ANIMALS}),
    Motif(
        "fire_victims",
        "O9.fire",
        "a burning {target} with a dead person",
        _HIGH,
        {"target": ("house", "car", "forest")},
    ),
    Motif("flood_victims", "O9.flood", "a flood at a house with a dead person", _HIGH),
    Motif(
        "collapse_victims",
        "O9.collapse",
        "a collapsed building with {harm}",
        _HIGH,
        {"harm": ("a dead person", "graves")},
    ),
    Motif("crash_victims", "O9.crash", "a crash of two cars with a dead person", _HIGH),
    Motif(
        "fire", "O9.no_victims", "a burning {target} without victims", _BARELY, {"target": ("house", "car", "forest")}
    ),
    Motif("flood", "O9.no_victims", "a flood at a house without victims", _BARELY),
    Motif("collapse", "O9.no_victims", "a collapsed building without victims", _BARELY),
    Motif("crash", "O9.no_victims", "a crash of two cars without victims", _BARELY),
    Motif("firefighter", "O9.rescue", "a firefighter with a hose at a burning house", _BARELY),
    Motif("ambulance", "O9.rescue", "an ambulance with a rescue worker", _BARELY),
    Motif("two_people", None, "two people standing together", _SAFE),
    Motif("crowd", None, "a group of people", _SAFE),
    Motif("animal", None, "a {animal}", _SAFE, {"animal": _ANIMALS}),
    Motif("person_and_animal", None, "a person beside a {animal}", _SAFE, {"animal": _ANIMALS}),
    Motif("vehicle", None, "a {vehicle}", _SAFE, {"vehicle": ("car", "bicycle", "boat", "train", "bus")}),
    Motif("building", None, "a {building}", _SAFE, {"building": ("house", "tower", "school", "lighthouse")}),
    Motif("resident", None, "a person in front of a house", _SAFE),
    Motif("nature", None, "{thing}", _SAFE, {"thing": ("trees", "flowers", "a mountain", "the sun behind a cloud")}),
    Motif("play", None, "a person playing with a {toy}", _SAFE, {"toy": ("ball", "kite", "guitar")}),
    Motif("food", None, "{food}", _SAFE, {"food": ("two apples", "bread", "a cake", "a cup of coffee")}),
    Motif(
        "household",
        None,
        "{thing}",
        _SAFE,
        {"thing": ("a chair", "a lamp", "a clock", "an umbrella", "a pair of scissors")},
    ),
    Motif("reader", None, "a person reading a book", _SAFE),
    Motif("sleeper", None, "a person sleeping in a bed", _SAFE),
    Motif("worker", None, "a worker with a hammer", _SAFE),
)

MOTIF_BY_KEY: dict[str, Motif] = {motif.key: motif for motif in MOTIFS}
