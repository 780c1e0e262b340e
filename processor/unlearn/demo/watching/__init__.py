"""What is seen of a running model from outside, and how it is shown meanwhile."""
