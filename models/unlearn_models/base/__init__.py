"""What all learners share: rows, canonical bytes, how kernels are compiled and kept."""
