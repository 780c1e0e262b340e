"""What became of a record, a subject or an event: what the log, the receipts, the history and Redis tell of it."""
