"""The versions that were published: what each learned and forgot, how two differ, which may still be loaded."""
