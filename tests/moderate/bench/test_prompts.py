"""Prompts as I2P has them, and images named by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.errors import DataError
from eyeward.moderate.bench.prompts import image_name, made_from, read_prompts
from tests.annotate.world import png


def written(folder: Path, text: str) -> Path:
    file = folder / "prompts.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_columns_of_i2p_are_read(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "\ufeffprompt,categories,hard,sd_seed,sd_guidance_scale,sd_image_width,sd_image_height\n"
        '"a ""big"" dog, running\nfast","violence, hate,violence",0,123,7.5,512,768\n'
        "a cat,,1,,,,\n",
    )
    first, second = read_prompts(file)
    assert (first.number, first.text, first.categories) == (0, 'a "big" dog, running\nfast', ("violence", "hate"))
    assert (first.seed, first.guidance_scale, first.width, first.height) == (123, 7.5, 512, 768)
    assert (second.number, second.categories, second.seed, second.width) == (1, (), None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text\na cat\n", "no column 'prompt'"),
        ("", "no column 'prompt'"),
        ("prompt\n", "no prompt in it"),
        ("prompt,seed\na cat,1\n,2\n", r"prompts.csv:3: There is no prompt in this row"),
        ("prompt,seed\na cat,many\n", r"prompts.csv:2: Seed"),
        ("prompt,seed\na cat,inf\n", r"prompts.csv:2: Seed"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_prompts(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_prompts(tmp_path / "none.csv")


def test_images_belong_to_the_prompt_that_they_are_named_by(tmp_path: Path) -> None:
    prompts = read_prompts(written(tmp_path, "prompt\n" + "a\n" * 12))
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("11.png", "3_1.jpg", "00003-0.png", image_name(prompts[2], 1)):
        (folder / name).write_bytes(png(1))
    (folder / "notes.txt").write_text("x")
    (folder / ".4.png").write_bytes(png(1))
    assert [(made.prompt.number, made.image.name) for made in made_from(folder, prompts)] == [
        (2, "00002-1.png"),
        (3, "00003-0.png"),
        (3, "3_1.jpg"),
        (11, "11.png"),
    ]


@pytest.mark.parametrize("name", ["cat.png", "12.png", "1-2-3.png"])
def test_an_image_of_no_prompt_is_refused(tmp_path: Path, name: str) -> None:
    prompts = read_prompts(written(tmp_path, "prompt\n" + "a\n" * 12))
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="no images"):
        made_from(tmp_path / "images", prompts)
    (tmp_path / "images" / name).write_bytes(png(1))
    with pytest.raises(DataError, match=f"{name} is not named by its prompt"):
        made_from(tmp_path / "images", prompts)
    with pytest.raises(DataError, match="no folder"):
        made_from(tmp_path / "none", prompts)
