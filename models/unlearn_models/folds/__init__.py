"""A state as a fold over rows of which some are gone."""
