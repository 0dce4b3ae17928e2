"""What is made, without I/O: which requests lead to a product, and which replies will do."""
