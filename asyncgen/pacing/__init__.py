"""When a call may leave."""
