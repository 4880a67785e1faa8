"""One module for each schema that clients bring along."""
