"""The kernels that recognise usual inserts in bytes. Only `messages.scan_messages` is called from outside."""
