"""Events: what they may hold, how they are parsed, and which partition is their home."""
