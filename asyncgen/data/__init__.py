"""An output as a data set: its lines, each with what the journal knows of it."""
