"""Naive Bayes, multinomial and complement: counts by class, from which a forgotten row is subtracted."""
