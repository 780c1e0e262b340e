"""Avro behind the id of a schema in a registry, where a mapping says that it is read."""
