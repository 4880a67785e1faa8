"""Bytes to pixels, safely."""

from eyeward.images.decode import DecodedImage, Frame, ImageSource, decode
from eyeward.images.formats import Format
from eyeward.images.hashes import grey_thumbnail, perceptual_hash, sha256_of_bytes, sha256_of_pixels
from eyeward.images.limits import Limits

__all__ = [
    "DecodedImage",
    "Format",
    "Frame",
    "ImageSource",
    "Limits",
    "decode",
    "grey_thumbnail",
    "perceptual_hash",
    "sha256_of_bytes",
    "sha256_of_pixels",
]
