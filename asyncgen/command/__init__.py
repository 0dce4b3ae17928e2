"""From argv to an exit status: one file a command, the flags, the configuration."""
