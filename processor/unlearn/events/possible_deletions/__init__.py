"""What shows that a message may be a deletion, or nearly says something else than it does."""
