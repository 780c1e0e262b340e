"""What messages look like, for programs in other languages: their JSON Schemas, and an AsyncAPI document."""
