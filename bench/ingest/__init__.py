"""What the stream costs: events a second beside bare polls and peers, deletions, memory, time to hidden."""
