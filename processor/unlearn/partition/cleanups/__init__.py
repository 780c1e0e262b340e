"""Deleted subjects whose rows are still being buried."""
