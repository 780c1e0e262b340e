"""What senders and operators hand over as files or pipes: lines, lists, CSV, plain or compressed; what is an event."""
