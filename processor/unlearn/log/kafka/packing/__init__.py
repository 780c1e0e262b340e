"""Whole record batches as bytes, and handing them to the client."""
