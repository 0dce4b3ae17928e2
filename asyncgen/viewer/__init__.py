"""Looking at an output in a browser or a terminal, conversation by conversation."""
