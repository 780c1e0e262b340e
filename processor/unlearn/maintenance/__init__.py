"""What a worker does for its files and members beside events: seals slices, and rewrites, mends and removes files."""
