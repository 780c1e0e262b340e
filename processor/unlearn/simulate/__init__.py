"""Simulation: any history of a model with faults, in one process, the same again for the same seed."""
