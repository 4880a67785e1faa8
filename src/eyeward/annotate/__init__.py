"""Annotates datasets of any size: every image answered exactly once, whatever happens in between."""
