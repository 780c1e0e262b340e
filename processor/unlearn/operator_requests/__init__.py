"""What operators ask of a partition's owner: how it is written, what it changes, and who carries it out."""
