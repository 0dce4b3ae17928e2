"""Which form of batches an endpoint has."""

from pathlib import Path

from asyncgen.endpoint.batches.batch import BatchApi
from asyncgen.endpoint.batches.files import FileBatches
from asyncgen.endpoint.batches.inline import InlineBatches
from asyncgen.endpoint.batches.rules import BatchRules, rules_of
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.presets import Endpoint


def open_batches(endpoint: Endpoint, client: Client, scratch: Path) -> BatchApi:
    """The calls of its form, with a file for what is only looked at. Raises ConfigError where it has none."""
    return batches_by(rules_of(endpoint), client, scratch)


def batches_by(rules: BatchRules, client: Client, scratch: Path) -> BatchApi:
    return InlineBatches(client, rules, scratch) if rules.form == "inline" else FileBatches(client, rules)
