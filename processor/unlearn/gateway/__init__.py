"""Deletions over HTTP, as OpenDSR asks for them: for those without a Kafka client."""
