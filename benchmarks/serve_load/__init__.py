"""What the service does under load, over real HTTP on the loopback."""
