"""Kernels that several learners call. They are compiled into those of the learners."""
