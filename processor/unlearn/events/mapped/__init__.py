"""Messages of a mapping: what our own event would be that says the same."""
