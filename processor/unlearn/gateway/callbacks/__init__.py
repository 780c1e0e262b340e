"""Callbacks: which are due, when a failed one is tried again, and their sending."""
