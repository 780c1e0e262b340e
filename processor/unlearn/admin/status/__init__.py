"""How the model stands, as `unlearn status` and the console show it."""
