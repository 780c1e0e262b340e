"""The log: one protocol, kept by Kafka and by a log in memory."""
