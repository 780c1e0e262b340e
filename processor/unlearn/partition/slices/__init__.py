"""A shard's ended slices: their sums and lineage, and what is asked of them."""
