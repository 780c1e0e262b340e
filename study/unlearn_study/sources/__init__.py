"""Data sets as records: HSpam14, any CSV or JSON Lines, generated tweets."""
