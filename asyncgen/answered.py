"""What an answered call tells besides a conversation: what it has used, a reply of no use, why it was refused."""

from decimal import Decimal

import msgspec


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens and money of one answered call as the provider reported them; None where it said nothing.

    `cost` is in US dollars, exactly the number received; `priced`: computed from tokens and prices instead, because the
    provider reports none. `tier`: the service tier that served it and is billed.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    cost: Decimal | None = None
    priced: bool = False
    tier: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether anything was said of tokens or money."""
        return self != Usage(tier=self.tier)


class UnusedReply(msgspec.Struct, frozen=True):
    """What a provider answered and nobody can use: kept in the rejects file, its usage in the journal."""

    text: str
    usage: Usage = Usage()
    request_id: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """What an endpoint said when it refused, for whoever may ask for something else.

    `param`: the setting that the answer names in a field of its own, "" without one. `text`: its words, in lower case.
    """

    status: int | None = None
    param: str = ""
    text: str = ""
