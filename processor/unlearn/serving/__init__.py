"""Scores over HTTP, beside any program: the Open Inference Protocol, and a plain form."""
