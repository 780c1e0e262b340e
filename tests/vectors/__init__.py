"""Makes the conformance vectors in docs/vectors, from which readers in other languages are tested.

`python -m tests.vectors` writes them; docs/format.md says what they hold. tests/unit/test_vectors.py holds them against
drift, and runs them through the product's code.
"""
