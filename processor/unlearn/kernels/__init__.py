"""Compiled loops over the columns of a batch. They know bytes and numbers; the rooms above say what these mean."""
