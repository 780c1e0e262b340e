"""Which shards are trained when, from which checkpoint, and the processes that do it."""
