"""Learning from rows of which some are known positives and the others are unlabelled."""
