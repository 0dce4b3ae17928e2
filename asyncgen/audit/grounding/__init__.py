"""What is stated that neither the knowledge base nor the user has given, or that follows from it."""
