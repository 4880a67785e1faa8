"""A drawn, harmless world with known truth: to train `mini` and to test any guard."""
