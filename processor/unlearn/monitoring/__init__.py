"""A worker seen from outside: metrics, whether it lives and is ready, and what it was doing when it stood still."""
