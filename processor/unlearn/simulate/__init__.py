"""Simulation: a model's history with faults, in one process, drawn from a seed and the same again for the same seed."""
