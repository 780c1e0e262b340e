"""Generated tweets that look like HSpam14."""
