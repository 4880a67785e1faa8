"""Eyeward judges images against a written safety policy."""

__version__ = "0.1.0"
