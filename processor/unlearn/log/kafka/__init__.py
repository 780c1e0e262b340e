"""The log on a Kafka cluster, by kafka-python."""
