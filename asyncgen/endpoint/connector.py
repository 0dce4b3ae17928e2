"""Connections to an endpoint: kept, used again while nothing is wrong with them, and watched for what comes unasked."""

import asyncio
import select
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from asyncgen.endpoint.address import is_local_name

REST_EVERY = 4  # times that the last idle connection is to be used again; then it is passed over once
KEEP_ALIVE = 4.0  # below the 5 s after which uvicorn and llama.cpp close an idle connection without a word

_Poll: TypeAlias = Callable[[float], Sequence[object]]


class _Protocol(ResponseHandler):
    """Tells whoever reads an answer that the rest cannot be read, where aiohttp lets them wait until their deadline.

    `poll`: looks whether anything has arrived; None before it is used for the first time.
    """

    poll: _Poll | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        answer, cannot_be_read = self._payload, self.exception() is not None
        super().connection_lost(exc)
        if cannot_be_read and answer is not None and not answer.is_eof() and answer.exception() is None:
            answer.set_exception(aiohttp.ClientPayloadError())


class Connector(aiohttp.TCPConnector):
    """Uses no connection again on which something has arrived unasked.

    A gateway's late second answer would be taken for the next request's, and every later one for that of the request
    after it. aiohttp looks only when it puts a connection back: what comes while it lies idle is kept for whoever is
    next. What comes once the next request has left cannot be told from its answer: so there is one connection more
    than requests, and each lies idle for a turn, where it shows, because aiohttp takes the one that has been idle for
    longest; and an endpoint that was caught gets a new one for each request. An end of a connection that nobody has
    read yet is found here, too.
    """

    def __init__(self, connections: int) -> None:
        super().__init__(limit=connections + 1, keepalive_timeout=KEEP_ALIVE, resolver=_Resolver())
        self._factory = partial(_Protocol, asyncio.get_running_loop())  # type: ignore[assignment]  # a subclass of it
        self._reuses = 0
        self._is_passing_over = False
        self._is_caught = False

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if not isinstance(protocol, _Protocol):
                return connection
            poll = protocol.poll
            if poll is None:  # over a new one, TLS has things of its own to say
                there = None if connection.transport is None else connection.transport.get_extra_info("socket")
                poller = select.poll()  # not select(), which knows no descriptor above 1,023
                if there is not None:
                    poller.register(there.fileno(), select.POLLIN)
                protocol.poll = poller.poll
                return connection
            self._is_caught = self._is_caught or protocol.should_close
            if not (self._is_caught or poll(0)):
                break
            connection.close()
        if self._conns:  # those that lie idle
            return connection
        self._reuses += 1
        if self._reuses % REST_EVERY or self._is_passing_over:
            return connection
        return await self._pass_over(connection, req, traces, timeout)

    async def _pass_over(
        self,
        connection: Connection,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        """Another one; one at a time, so that there is one connection more than requests and not many."""
        self._is_passing_over = True
        try:
            other = await self.connect(req, traces, timeout)
        except (aiohttp.ClientError, OSError):  # a server that takes no more is served by what there is
            return connection
        except BaseException:
            connection.release()
            raise
        finally:
            self._is_passing_over = False
        connection.release()
        return other


class _Resolver(aiohttp.ThreadedResolver):
    """Never asks a name server for what means this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await super().resolve("localhost" if is_local_name(host) else host, port, family)
