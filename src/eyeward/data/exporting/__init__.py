"""Labelled samples for other programs: tables with images, conversations, a card; all of it can be imported again."""
