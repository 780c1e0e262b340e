"""What the owner of a partition knows of it, in memory."""
