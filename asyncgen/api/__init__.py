"""asyncgen from Python: the runs and outputs of the command, without its signals, terminal and exit status."""
