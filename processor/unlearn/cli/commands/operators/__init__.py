"""For those who run the service: workers, how they stand, and what they can be asked for."""
