"""What operators and senders ask for outside of a worker: status, look-ups, topics, sending."""
