"""What the measurements of the service run on: brokers, Redis, streams of events, workers and their memory."""
