"""Checks that what is published equals a training from scratch, by means of its own."""
