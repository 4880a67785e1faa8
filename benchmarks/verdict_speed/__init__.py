"""How fast verdicts are, beside what a user would run instead: same machine, same weights, one run. Ratios first."""
