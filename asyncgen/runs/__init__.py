"""One run: its resources, its tasks, and what it has done so far."""
