"""Which form of batches an endpoint has."""

from asyncgen.endpoint.batch import BatchApi
from asyncgen.endpoint.batch_rules import rules_of
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint


def open_batches(endpoint: Endpoint, client: Client) -> BatchApi:
    """The calls of its form. Raises ConfigError where it has none."""
    del client
    raise NotImplementedError(rules_of(endpoint).form)
