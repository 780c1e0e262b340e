"""The ensemble in force as one linear model, in files that other programs read."""
