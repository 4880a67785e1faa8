"""Labelled data of others, read into samples: nothing is believed, nothing is dropped silently."""
