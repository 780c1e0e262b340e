"""For those who use models: scores, versions and their files."""
