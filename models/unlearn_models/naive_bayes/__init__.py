"""Naive Bayes, multinomial and complement: counts, from which a row is subtracted."""
