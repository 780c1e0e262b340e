"""What the page shows, made of what was read: pure, and of bounded size."""
