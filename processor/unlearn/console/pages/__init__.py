"""The page's files, which are in the wheel as they are: no build step, and nothing of anybody else's."""
