"""What the program finds around it: folders, private files, addresses. Knows nothing of the stream."""
