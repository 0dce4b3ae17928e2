"""What a text says: its words, phrases and names, numbers and dates, in the languages that are known."""
