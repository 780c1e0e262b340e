"""For setting up and trying out: settings, topics, local services, demo, proofs."""
