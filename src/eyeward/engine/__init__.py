"""Where weights run."""
