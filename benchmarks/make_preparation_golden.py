"""Ask transformers' own LlavaOnevisionProcessor what it makes of 60 image sizes; keep the answers as golden files.

The processor needs torchvision, which Eyeward does not. Run this in a virtual environment of its own, once per change
of the reference, from the root of the repository:

    python -m venv /tmp/golden
    /tmp/golden/bin/pip install torch==2.13.0 torchvision==0.28.0 transformers==5.23.0 pillow==13.0.0 numpy==2.4.6
    /tmp/golden/bin/python benchmarks/make_preparation_golden.py tests/golden/preparation

Torch and torchvision have to be of one build (both CPU or both CUDA); no GPU is used. One file is written per
preparation: `published` (LLaVA-OneVision 0.5B and LlavaGuard 0.5B: 384 px, 36 grids) and `mini` (112 px, one grid). For
every size it holds the number of image tokens, and for both of transformers' arithmetics the SHA-256 of the float32
pixel values, the mean of each tile and a few pixel values, so that a failing comparison shows how far off it is.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TINY = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 5), (7, 7), (13, 11), (16, 16), (27, 28), (31, 17))
THIN = ((1, 400), (400, 1), (2, 999), (999, 2), (5, 2000), (2000, 5), (12, 1500), (1500, 12), (40, 3000), (3000, 40))
RATIOS = ((100, 600), (150, 1200), (333, 999), (300, 400), (90, 160))
PRIMES = ((97, 89), (211, 113), (383, 389), (503, 769), (1009, 601))
WHOLE = ((112, 112), (224, 112), (336, 336), (384, 384), (384, 768), (768, 384), (768, 768), (384, 1536), (1152, 1152))
PHOTOS = ((383, 384), (385, 384), (480, 640), (720, 1280), (1080, 1080), (1301, 1300), (1600, 1200), (2400, 2300))
TURNED = tuple((width, height) for height, width in (*RATIOS, *PRIMES, (1152, 768), (480, 640), (720, 1280)))
SIZES = (*TINY, *THIN, *RATIOS, *PRIMES, *WHOLE, *PHOTOS, *TURNED)
"""(height, width)"""

PIXELS_SHOWN = 12


def picture(height: int, width: int) -> Image.Image:
    """Draw slopes, stripes, checks and hashed noise; arithmetic only, so the same everywhere."""
    y, x, channel = np.ix_(*(np.arange(count, dtype=np.uint32) for count in (height, width, 3)))
    noise = ((x * 73_856_093) ^ (y * 19_349_663) ^ (channel * 83_492_791)) * 2_654_435_761 >> 13 & 63
    slope = x * 97 // width + y * 61 // height + channel * 11
    checks = (x // 9 + y // 14 + channel & 1) * 35 + ((x + y) % 23 == 0) * 60
    return Image.fromarray(np.minimum(noise + slope + checks, 255).astype(np.uint8))


def fingerprint(tiles: NDArray[np.float32]) -> dict[str, Any]:
    """Boil pixel values, [tiles, 3, side, side], down to what fits in a line."""
    tiles = np.ascontiguousarray(tiles, dtype=np.float32)
    places = np.linspace(0, tiles.size - 1, PIXELS_SHOWN).astype(np.int64)
    return {
        "sha256": hashlib.sha256(tiles.tobytes()).hexdigest(),
        "tile_means": [round(float(tile.mean(dtype=np.float64)), 5) for tile in tiles],
        "pixels": [round(float(value), 5) for value in tiles.reshape(-1)[places]],
    }


def settings(name: str) -> dict[str, Any]:
    """Give the checkpoint files that matter: `config.json` and `preprocessor_config.json`."""
    if name == "published":
        steps = [384 * count for count in range(1, 7)]
        side, patch, pinpoints = 384, 14, [[height, width] for height in steps for width in steps]
        mean = std = [0.5, 0.5, 0.5]
    else:
        side, patch, pinpoints = 112, 16, [[112, 112]]
        mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    return {
        "config.json": {
            "vision_config": {"image_size": side, "patch_size": patch},
            "image_grid_pinpoints": pinpoints,
            "vision_aspect_ratio": "anyres_max_9",
        },
        "preprocessor_config.json": {
            "image_grid_pinpoints": pinpoints,
            "image_mean": mean,
            "image_std": std,
            "resample": 3,
            "rescale_factor": 0.00392156862745098,
            "size": {"height": side, "width": side},
        },
    }


def ask_reference(name: str) -> dict[str, Any]:
    """Run both image processors of transformers, and the whole processor for the number of tokens."""
    from tokenizers import Tokenizer, models

    torchvision: Any = import_module("torchvision")
    transformers: Any = import_module("transformers")
    by_torchvision: Any = import_module("transformers.models.llava_onevision.image_processing_llava_onevision")
    by_pillow: Any = import_module("transformers.models.llava_onevision.image_processing_pil_llava_onevision")

    files = settings(name)
    asked, vision = files["preprocessor_config.json"], files["config.json"]["vision_config"]
    torchvision_processor = by_torchvision.LlavaOnevisionImageProcessor(**asked)
    pillow_processor = by_pillow.LlavaOnevisionImageProcessorPil(**asked)
    words = models.WordLevel({"<image>": 0, "<video>": 1, "?": 2}, "?")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>", "<video>"]})
    processor = transformers.LlavaOnevisionProcessor(
        image_processor=torchvision_processor,
        tokenizer=tokenizer,
        video_processor=transformers.LlavaOnevisionVideoProcessor(),
        num_image_tokens=(vision["image_size"] // vision["patch_size"]) ** 2,
        vision_feature_select_strategy="full",
        vision_aspect_ratio=files["config.json"]["vision_aspect_ratio"],
    )
    sizes, largest, differing, values = [], 0.0, 0, 0
    levels = np.array(asked["image_std"], dtype=np.float64)[:, None, None] * 255
    for height, width in SIZES:
        image = picture(height, width)
        whole = processor(images=image, text="<image>", return_tensors="pt")
        torchvision_tiles = whole["pixel_values"][0].numpy()
        pillow_tiles = pillow_processor(image, return_tensors="np")["pixel_values"][0]
        apart = np.rint(np.abs(torchvision_tiles.astype(np.float64) - pillow_tiles) * levels)
        largest, differing, values = max(largest, apart.max()), differing + int((apart > 0).sum()), values + apart.size
        sizes.append(
            {
                "height": height,
                "width": width,
                "tokens": int((whole["input_ids"] == 0).sum()),
                "torchvision": fingerprint(torchvision_tiles),
                "pillow": fingerprint(pillow_tiles),
            }
        )
    return {
        "reference": f"transformers {transformers.__version__}, torchvision {torchvision.__version__}",
        "files": files,
        "largest_difference_in_levels": largest,
        "share_of_values_that_differ": round(differing / values, 5),
        "sizes": sizes,
    }


def main() -> None:
    """Write both files into the folder given on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("published", "mini"):
        golden = ask_reference(name)
        sizes = ",\n".join(json.dumps(size) for size in golden.pop("sizes"))
        head = json.dumps(golden, indent=None).removesuffix("}")
        (folder / f"{name}.json").write_text(f'{head},\n"sizes": [\n{sizes}\n]}}\n', encoding="utf-8")
        largest, share = golden["largest_difference_in_levels"], golden["share_of_values_that_differ"]
        print(
            f"{name}: {len(SIZES)} sizes; the two differ by up to {largest:.0f} of 255 levels, in {share:.2%} of values"
        )


if __name__ == "__main__":
    main()
