"""Checks that what is published equals a training from empty: over the stored rows, or the log by other code."""
