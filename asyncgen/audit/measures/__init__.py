"""What is counted over all lines: repetition, coverage, lengths, agreement, time."""
