"""The same images under changed policies: composable steps, right labels, both directions."""
