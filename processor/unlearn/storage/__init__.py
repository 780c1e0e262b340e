"""The store: files of slices and states, how they are written, rewritten, repaired and removed."""
