"""What hostile uploads do to the service: nothing but errors, or what the files decode to."""
