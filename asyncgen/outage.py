"""How an endpoint that only fails is treated: a trickle of probes. When that has gone on for too long, says `verdict`.

A token bucket after gRPC's retry throttling (proposal A6): a failure takes a token, a success gives half of one back,
and retries are sent freely while the bucket is more than half full. It bites above one failure in three. It never fails
an index, it only makes retries wait, and one at a time may always go, so that a bad endpoint is still served out.
"""

MAX_TOKENS = 10.0
FREE_ABOVE = MAX_TOKENS / 2
REFUND = 0.5


class Outage:
    def __init__(self) -> None:
        self._tokens = MAX_TOKENS

    def succeeded(self) -> None:
        self._tokens = min(MAX_TOKENS, self._tokens + REFUND)

    def failed(self) -> None:
        """A failure that speaks of the endpoint: it holds retries back, too."""
        self._tokens = max(0.0, self._tokens - 1)

    def may_retry(self, retries_in_flight: int) -> bool:
        return self._tokens > FREE_ABOVE or retries_in_flight == 0
