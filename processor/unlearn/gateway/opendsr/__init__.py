"""What OpenDSR's bodies say, and the answers that it wants; all of it is pure."""
