"""Reading Kafka's record batches into columns."""
