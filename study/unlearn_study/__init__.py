"""The study: naive retraining, SISA, the forest and PU on one data set, by what they cost and how exact they are.

It answers what Dilworth, "Privacy Preservation through Practical Machine Unlearning" (arXiv 2502.10635) asked.
"""
