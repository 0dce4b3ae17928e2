"""The embedded engine: an OpenAI-compatible server on loopback that answers with quotations of the knowledge base.

It needs no network, no key and no weights, so that a run can be tried whole before a model is paid for. Nothing
else in the package imports it: `generate` starts it as a process and talks to it like to any other endpoint.
"""
