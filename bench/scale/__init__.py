"""Millions of events: workers, both verifications, a worker that is killed in a backlog."""
