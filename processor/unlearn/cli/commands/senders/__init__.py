"""For services that emit events: sending, forgetting, and what takes deletions over HTTP."""
