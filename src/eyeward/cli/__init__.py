"""One thin module per verb; a module is imported when its verb is used."""
