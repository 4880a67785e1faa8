"""Painters of the drawn world; each draws one thing or one motif in the unit box of a canvas."""
