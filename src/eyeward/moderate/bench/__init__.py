"""How much of what a text-to-image model makes is unsafe, and how much of it a guard lets through."""
