"""The stream side: a processor that keeps models in step with a log of inserts and deletions."""
