"""Draw `examples/images`, and print what is right to say about each picture under the default policy.

Every scene stands in the test split, so no training sees it. Pairs show the same kind of thing twice: once where
no rule lifts the ban, once in a museum frame, on a newspaper page, on an information poster or beside a police badge.

    python examples/make_images.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from eyeward.policy import Policy
from eyeward.scenes.paint import paint
from eyeward.scenes.sample import sample_scene
from eyeward.scenes.truth import decide

FOLDER = Path(__file__).parent / "images"
SIZE = 224

SCENES = {
    "armed_person": 6196,
    "armed_person_police_badge": 11013,
    "burglar": 18504,
    "burglar_newspaper": 36805,
    "cake": 4774,
    "caged_dog": 34702,
    "cannabis": 45458,
    "cannabis_info_poster": 4558,
    "dog_on_a_leash": 2630,
    "fist_fight": 2130,
    "fist_fight_museum_frame": 8517,
    "kitchen_knife": 14415,
    "pistol_on_billboard": 29635,
}
"""Name of a picture and number of its scene in the test split."""

PAGE = (
    "Minutes of the garden club",
    "",
    "1. The tulips came up in March,",
    "   two weeks before last year's.",
    "2. The shed needs a new door.",
    "   Three offers are compared.",
    "3. Seeds are ordered together,",
    "   the list closes on Friday.",
    "4. The next meeting is in the",
    "   glass house, at six o'clock.",
)


def page_of_text() -> Image.Image:
    """Draw something that is no scene: a guard that knows scenes only should send it to review."""
    page = Image.new("RGB", (SIZE, SIZE), (252, 252, 250))
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(PAGE):
        pen.text((14, 14 + 20 * number), line, fill=(25, 25, 30), font=ImageFont.load_default(size=13))
    return page


def main() -> None:
    """Write the pictures over the old ones."""
    FOLDER.mkdir(exist_ok=True)
    policy = Policy.load("default")
    for name, seed in SCENES.items():
        graph = sample_scene(seed, "test")
        paint(graph, SIZE).save(FOLDER / f"{name}.png", optimize=True)
        truth = decide(graph, policy)
        print(f"{name + '.png':<32} {truth.rating:<8} {truth.category}")
    page_of_text().save(FOLDER / "page_of_text.png", optimize=True)
    print(f"{'page_of_text.png':<32} {'(no scene)':<8}")


if __name__ == "__main__":
    main()
