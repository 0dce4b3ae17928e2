"""From documents to a recipe: what `asyncgen init` writes, for a person to go on with."""
