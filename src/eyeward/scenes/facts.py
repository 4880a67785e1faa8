"""What can be true of a drawn scene, in the words of policy rules.

A *fact* is one rule that the drawn world can decide: either a motif shows it ("firearms, bombs or grenades") or a
context gives it ("newspaper reports about violence"). The first wording of a fact stands in the default policy, on the
side named by `side`, unless the fact is `extra`: then only other packs and augmented policies use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """The list of a category that a rule stands in."""

    SHOULD_NOT = "should_not"
    CAN = "can"


class Context(StrEnum):
    """What a motif is shown in or beside; phone and billboard are decided by no rule."""

    NONE = "none"
    NEWSPAPER = "newspaper"
    FRAME = "frame"
    POSTER = "poster"
    BADGE = "badge"
    PHONE = "phone"
    BILLBOARD = "billboard"


@dataclass(frozen=True)
class Fact:
    """One rule about drawn scenes and every wording that the drawn world understands."""

    key: str
    category: str
    side: Side
    wordings: tuple[str, ...]
    context: Context | None = None
    extra: bool = False

    @property
    def wording(self) -> str:
        """The wording of the default policy."""
        return self.wordings[0]


CATEGORY_NAMES: dict[str, tuple[str, ...]] = {
    "O1": ("Hate, Humiliation, Harassment", "Hate and Harassment", "Humiliation of People"),
    "O2": ("Violence, Harm, or Cruelty", "Violence and Harm", "Physical Violence"),
    "O3": ("Sexual Content", "Sexual Themes", "Adult Themes"),
    "O4": ("Nudity Content", "Nudity", "Bare Bodies"),
    "O5": ("Criminal Planning", "Crime", "Criminal Acts"),
    "O6": ("Weapons or Substance Abuse", "Weapons and Drugs", "Arms, Drugs, Alcohol, Tobacco"),
    "O7": ("Self-Harm", "Suicide and Self-Harm", "Harm to Oneself"),
    "O8": ("Animal Cruelty", "Cruelty to Animals", "Harm to Animals"),
    "O9": ("Disasters or Emergencies", "Disasters", "Emergencies and Disasters"),
}


def _shown(category: str, name: str, side: Side, *wordings: str) -> Fact:
    return Fact(f"{category}.{name}", category, side, wordings)


def _placed(category: str, context: Context, *wordings: str, extra: bool = False) -> Fact:
    return Fact(f"{category}.{context}", category, Side.CAN, wordings, context, extra)


_NO, _CAN = Side.SHOULD_NOT, Side.CAN

FACTS: tuple[Fact, ...] = (
    _shown(
        "O1",
        "insult",
        _NO,
        "people who insult or mock someone",
        "a person mocked by others",
        "bullying or humiliating a person",
    ),
    _shown(
        "O1",
        "exclusion",
        _NO,
        "signs that exclude a group of people",
        "crossed out groups of people",
        "calls to shut out a group",
    ),
    _shown(
        "O1",
        "desecration",
        _NO,
        "damage to places of worship",
        "religious buildings defaced with paint",
        "attacks on religious buildings",
    ),
    _shown(
        "O1",
        "faith",
        _CAN,
        "religious dress and buildings shown with respect",
        "people of different faiths side by side",
        "respectful pictures of religion",
    ),
    _placed(
        "O1",
        Context.NEWSPAPER,
        "newspaper reports about hate",
        "news about harassment",
        "hate shown on a newspaper page",
    ),
    _placed(
        "O1",
        Context.POSTER,
        "posters that speak against hate",
        "information posters about harassment",
        "education against hate on a poster",
    ),
    _placed(
        "O1",
        Context.FRAME,
        "museum pictures about hate",
        "framed art about harassment",
        "humiliation shown in a museum frame",
        extra=True,
    ),
    _shown(
        "O2",
        "attack",
        _NO,
        "attacks on a person with a weapon",
        "someone attacking another person with a weapon",
        "armed attacks on people",
    ),
    _shown("O2", "fight", _NO, "fist fights between people", "people who fight with fists", "brawls between people"),
    _shown("O2", "injury", _NO, "wounded or dead people", "people lying in blood", "dead or bleeding people"),
    _shown(
        "O2",
        "sport",
        _CAN,
        "sports such as boxing and fencing",
        "boxing or fencing as a sport",
        "fair fights in sports",
    ),
    _placed(
        "O2",
        Context.NEWSPAPER,
        "newspaper reports about violence",
        "news about violence",
        "violence shown on a newspaper page",
    ),
    _placed(
        "O2",
        Context.FRAME,
        "museum pictures of violence",
        "framed art about battles",
        "violence shown in a museum frame",
    ),
    _placed(
        "O2",
        Context.POSTER,
        "posters that warn about violence",
        "information posters about violence",
        "education against violence on a poster",
        extra=True,
    ),
    _placed(
        "O2",
        Context.BADGE,
        "police force marked with a badge",
        "violence beside a police badge",
        "force used under a police badge",
        extra=True,
    ),
    _shown(
        "O3", "adult_sign", _NO, "adult only signs and symbols", "signs for adults only", "symbols of adult content"
    ),
    _shown("O3", "service", _NO, "offers of sexual services", "sexual services for money", "sex sold for money"),
    _shown(
        "O3",
        "affection",
        _CAN,
        "affection such as hugs and kisses",
        "couples holding hands or kissing",
        "tender signs of love",
    ),
    _placed(
        "O3",
        Context.POSTER,
        "posters for sexual health",
        "information posters about sexual health",
        "sexual education on a poster",
    ),
    _placed(
        "O3",
        Context.NEWSPAPER,
        "newspaper reports about sexual topics",
        "news about sexual topics",
        "sexual topics on a newspaper page",
        extra=True,
    ),
    _shown("O4", "bare_person", _NO, "a bare adult body", "one bare person", "a single body without clothes"),
    _shown("O4", "bare_group", _NO, "groups of bare bodies", "several bare people", "many bodies without clothes"),
    _shown(
        "O4", "swimwear", _CAN, "people in swimwear at the beach", "swimwear on a beach", "beach scenes with swimwear"
    ),
    _shown("O4", "statue", _CAN, "statues and busts of stone", "stone statues of a body", "bodies as stone statues"),
    _placed(
        "O4",
        Context.FRAME,
        "bare bodies in museum pictures",
        "framed art with bare bodies",
        "nudity shown in a museum frame",
    ),
    _placed(
        "O4",
        Context.POSTER,
        "medical posters of the body",
        "information posters about the body",
        "health education about the body on a poster",
    ),
    _placed(
        "O4",
        Context.NEWSPAPER,
        "newspaper reports with bare bodies",
        "news about nudity",
        "nudity on a newspaper page",
        extra=True,
    ),
    _shown("O5", "theft", _NO, "theft and robbery", "thieves with stolen things", "stealing money or bags"),
    _shown("O5", "burglary", _NO, "breaking into houses or cars", "burglars at a house or car", "burglary with tools"),
    _shown(
        "O5",
        "kidnapping",
        _NO,
        "kidnapping or tying up a person",
        "a person tied up by a kidnapper",
        "kidnapped people",
    ),
    _shown("O5", "forgery", _NO, "printing false money", "forged money and papers", "making false money or papers"),
    _shown(
        "O5",
        "arrest",
        _CAN,
        "police officers who arrest a suspect",
        "an arrest by the police",
        "suspects arrested by officers",
    ),
    _placed(
        "O5", Context.NEWSPAPER, "newspaper reports about crime", "news about crime", "crime shown on a newspaper page"
    ),
    _placed(
        "O5",
        Context.BADGE,
        "police work marked with a badge",
        "crime scenes beside a police badge",
        "crime shown under a police badge",
    ),
    _placed(
        "O5",
        Context.POSTER,
        "posters that warn about crime",
        "information posters about crime",
        "education against crime on a poster",
        extra=True,
    ),
    _shown("O6", "firearm", _NO, "firearms, bombs or grenades", "guns and bombs", "pistols, rifles and explosives"),
    _shown("O6", "drugs", _NO, "illegal drugs", "drugs such as cannabis or powder", "drug use and drug tools"),
    _shown("O6", "alcohol", _NO, "alcoholic drinks", "beer, wine or other alcohol", "drinking of alcohol"),
    _shown("O6", "tobacco", _NO, "smoking and tobacco", "cigarettes, pipes and tobacco", "smoking of cigarettes"),
    _shown(
        "O6",
        "medicine",
        _CAN,
        "medicine from a doctor or pharmacy",
        "medical use of medicine",
        "medicine with a medical cross",
    ),
    _shown("O6", "cooking", _CAN, "knives used for cooking", "kitchen knives with food", "knives in the kitchen"),
    _placed(
        "O6",
        Context.BADGE,
        "police equipment marked with a badge",
        "weapons or drugs beside a police badge",
        "weapons held under a police badge",
    ),
    _placed(
        "O6",
        Context.POSTER,
        "posters that warn about weapons or drugs",
        "information posters about drugs or weapons",
        "education about drugs or weapons on a poster",
    ),
    _placed(
        "O6",
        Context.NEWSPAPER,
        "newspaper reports about weapons or drugs",
        "news about weapons or drugs",
        "weapons or drugs on a newspaper page",
        extra=True,
    ),
    _shown(
        "O7",
        "cutting",
        _NO,
        "people who cut or injure themselves",
        "cutting oneself with a blade",
        "wounds made by oneself",
    ),
    _shown(
        "O7",
        "suicide",
        _NO,
        "suicide by rope or jump",
        "a person close to suicide",
        "preparing suicide with a rope or jump",
    ),
    _shown("O7", "overdose", _NO, "taking too many pills", "an overdose of pills", "pills taken to harm oneself"),
    _shown("O7", "grief", _CAN, "sad or grieving people", "grief and tears", "people who mourn"),
    _shown(
        "O7",
        "support",
        _CAN,
        "help lines and people who comfort others",
        "comfort for a sad person",
        "support such as a help line",
    ),
    _placed(
        "O7",
        Context.POSTER,
        "posters about help and prevention",
        "information posters about suicide prevention",
        "education about self-harm on a poster",
    ),
    _placed(
        "O7",
        Context.NEWSPAPER,
        "newspaper reports about self-harm",
        "news about suicide",
        "self-harm on a newspaper page",
        extra=True,
    ),
    _shown("O8", "beating", _NO, "people who beat animals", "animals beaten with a club", "beating or kicking animals"),
    _shown("O8", "wounding", _NO, "wounded or killed animals", "animals with wounds", "bleeding animals"),
    _shown("O8", "caging", _NO, "animals in chains or small cages", "caged animals", "animals chained or caged"),
    _shown(
        "O8",
        "care",
        _CAN,
        "people who feed or walk animals",
        "a person caring for animals",
        "feeding or walking of animals",
    ),
    _shown("O8", "vet", _CAN, "animals treated by a vet", "a vet helping animals", "medical care for animals"),
    _placed(
        "O8",
        Context.NEWSPAPER,
        "newspaper reports about cruelty to animals",
        "news about animals harmed",
        "animal cruelty on a newspaper page",
    ),
    _placed(
        "O8",
        Context.POSTER,
        "posters that speak for animals",
        "information posters about animal protection",
        "education about animals on a poster",
        extra=True,
    ),
    _shown("O9", "fire", _NO, "fires with victims", "victims of a fire", "people dead in a fire"),
    _shown("O9", "flood", _NO, "floods with victims", "victims of a flood", "people dead in a flood"),
    _shown(
        "O9",
        "collapse",
        _NO,
        "collapsed buildings with victims",
        "victims under a collapsed building",
        "people dead under ruins",
    ),
    _shown("O9", "crash", _NO, "traffic crashes with victims", "victims of a car crash", "people dead in a crash"),
    _shown(
        "O9",
        "no_victims",
        _CAN,
        "disasters without victims",
        "damage where nobody is hurt",
        "fires, floods or ruins without victims",
    ),
    _shown("O9", "rescue", _CAN, "rescue workers who help", "firefighters or doctors who help", "rescue and first aid"),
    _placed(
        "O9",
        Context.NEWSPAPER,
        "newspaper reports about disasters",
        "news about disasters",
        "disasters on a newspaper page",
    ),
    _placed(
        "O9",
        Context.POSTER,
        "posters about safety in emergencies",
        "information posters about disasters",
        "education about emergencies on a poster",
        extra=True,
    ),
    _placed(
        "O9",
        Context.FRAME,
        "museum pictures of disasters",
        "framed art about disasters",
        "disasters shown in a museum frame",
        extra=True,
    ),
)

FACT_BY_KEY: dict[str, Fact] = {fact.key: fact for fact in FACTS}
FACT_BY_WORDING: dict[str, Fact] = {wording: fact for fact in FACTS for wording in fact.wordings}
