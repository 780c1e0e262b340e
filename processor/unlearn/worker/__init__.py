"""The worker: it claims partitions and takes one turn after the other, each a fixed order of steps."""
