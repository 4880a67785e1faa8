"""How other guards are asked, and their answers read in our categories: baselines to compare with."""
