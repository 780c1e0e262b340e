"""Folds that change in place: they learn, return to a mark, and leave out deleted rows."""
