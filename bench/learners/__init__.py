"""Learners beside scikit-learn's and River's: refits, deletions, accuracy."""
