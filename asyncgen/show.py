"""A conversation as a person reads it, safe to print whatever a model has written."""

from asyncgen.conversation import Conversation


def format_conversation(conversation: Conversation) -> str:
    return "\n".join(f"{message.role}: {printable(message.content)}" for message in conversation)


def printable(text: str) -> str:
    """The text with everything that could move a cursor, change a colour or turn the direction replaced by "?"."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)
