"""A partition's state in Redis: key names, scripts, and the client that runs them."""
