"""The `unlearn` command: one file a subcommand, and what they share."""
