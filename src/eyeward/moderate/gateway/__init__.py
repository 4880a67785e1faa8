"""Stands before an image server: the same routes, and no image leaves before it was judged."""
