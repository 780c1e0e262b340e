"""Texts as hashed counts of words, with the letters of one fixed version of Unicode."""
