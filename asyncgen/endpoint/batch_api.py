"""Which form of batches an endpoint has."""

from asyncgen.endpoint.batch import BatchApi
from asyncgen.endpoint.batch_files import FileBatches
from asyncgen.endpoint.batch_inline import InlineBatches
from asyncgen.endpoint.batch_rules import rules_of
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint


def open_batches(endpoint: Endpoint, client: Client) -> BatchApi:
    """The calls of its form. Raises ConfigError where it has none."""
    rules = rules_of(endpoint)
    return InlineBatches(client, rules) if rules.form == "inline" else FileBatches(client, rules)
