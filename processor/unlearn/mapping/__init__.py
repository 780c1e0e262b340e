"""How senders' messages say what our events say: mappings, their presets, and the files that hold them."""
