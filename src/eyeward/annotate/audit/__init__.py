"""Audits what a run has written: what the guard says of a dataset, and what is true of it."""
