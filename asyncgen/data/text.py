"""A conversation as one text, for what compares texts: all of it, or the assistant's side alone."""

from asyncgen.conversation import Conversation


def whole_text(conversation: Conversation) -> str:
    return "\n".join(message.content for message in conversation)


def answers_text(conversation: Conversation) -> str:
    return "\n".join(message.content for message in conversation if message.role == "assistant")
