"""What senders hand over as files or pipes: lines, lists of ids, CSV, plain or compressed; what is an event."""
