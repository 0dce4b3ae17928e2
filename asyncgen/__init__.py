"""asyncgen: validated chat conversations from a knowledge base and a recipe."""

__version__ = "0.1.0"
