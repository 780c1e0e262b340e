"""What every HTTP server of ours needs: a socket, a server that ends as it is told to, tokens, and bounded bodies."""
