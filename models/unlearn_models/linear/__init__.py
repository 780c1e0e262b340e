"""Logistic regression by passes over rows in a fixed order."""
