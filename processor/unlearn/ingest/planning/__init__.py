"""What a batch of events changes, decided by pure functions."""
