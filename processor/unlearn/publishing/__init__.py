"""What an owner publishes of its partition: manifests, heartbeats, receipts."""
