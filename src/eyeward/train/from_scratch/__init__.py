"""From nothing to a guard: recipes, and the stages that a recipe goes through."""
