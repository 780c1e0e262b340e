"""The subcommands of `unlearn`: one module a command."""
