"""How clients log in to Kafka, and what is wrong where they can't."""
