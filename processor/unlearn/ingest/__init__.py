"""From events of the log to rows, deaths and messages that are to be sent."""
