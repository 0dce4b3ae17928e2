"""How a run asks in batches: `driver` is the story, and each other module a step of it."""
