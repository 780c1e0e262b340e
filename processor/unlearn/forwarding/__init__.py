"""What applied events ask to be sent, and what the log shows as sent before; their records, read again."""
