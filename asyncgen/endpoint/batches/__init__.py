"""Batches as an endpoint has them: the forms that they are spoken in, and what is told of them and their results."""
