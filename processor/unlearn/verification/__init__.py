"""Checks that what is published equals a training from empty: over the stored rows, or over the log by code of its
own."""
