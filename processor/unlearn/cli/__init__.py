"""The `unlearn` command: how it starts and ends, and what its subcommands share."""
