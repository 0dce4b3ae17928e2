"""One file for each kind of fault that shows in a line by itself."""
