"""SISA: shards, slices and checkpoints; a deletion trains a part of one shard again."""
