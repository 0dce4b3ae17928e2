"""How a run and a conversation look in a terminal."""
