"""Suites: questions that a folder of labelled images does not ask by itself, and what came of them."""
