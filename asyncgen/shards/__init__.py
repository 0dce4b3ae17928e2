"""A run cut into shards: each an ordinary run over its own range of indices, made wherever something starts it."""
