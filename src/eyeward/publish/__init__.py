"""What may leave this machine: files, card and licence checked before anything is sent."""
