"""Measurements of the product beside its peers: `python -m bench --list`. Not part of the installed package."""
