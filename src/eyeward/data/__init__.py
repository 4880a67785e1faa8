"""Labelled samples: import, cleaning, splits."""
