"""Reasons of labels: written by a teacher or from rules, checked, and kept with where they are from."""
