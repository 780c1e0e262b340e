"""For upstream services: inserts and deletions from a Python process, and what their receipts say."""
