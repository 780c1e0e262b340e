"""Scorers: they follow the published manifests, merge the states that these name, and answer."""
