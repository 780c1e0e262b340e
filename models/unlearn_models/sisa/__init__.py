"""Shards and slices: what is learned again when a row goes, and which states are kept for that."""
