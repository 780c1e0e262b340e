"""What the events and receipts topics say of requests: all that a gateway knows."""
