"""The demo: the whole path on this machine, on events of its own or of a file, watched and then verified."""
