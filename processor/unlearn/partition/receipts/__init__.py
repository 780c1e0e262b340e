"""What requests wait for, and the receipts that answer them."""
