"""A conversation as a person reads it, safe to print whatever a model has written."""

from asyncgen.conversation import Conversation
from asyncgen.printable import printable


def format_conversation(conversation: Conversation) -> str:
    return "\n".join(f"{message.role}: {printable(message.content)}" for message in conversation)
