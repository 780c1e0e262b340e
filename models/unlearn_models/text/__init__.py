"""Text as hashed counts of words, by letters of one fixed version of Unicode."""
