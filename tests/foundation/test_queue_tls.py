"""A queue behind TLS: its certificate is checked, and a password goes to nobody else."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

import pytest
from redis.exceptions import ConnectionError as Unreachable

from portal.foundation.queues import connect, enqueue, queue_of
from portal.foundation.settings import Settings
from tests.infra.tls import Authority


@pytest.fixture
def tls_port(redis_url: str, authority: Authority) -> Iterator[int]:
    """The port of a relay that speaks TLS with a certificate for ``localhost``."""
    path, context = urlsplit(redis_url).path, authority.issue("localhost").server_context()
    port: Future[int] = Future()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
        sink.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(pour(reader, inner_writer), pour(inner_reader, writer))

    async def serve() -> None:
        async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
            port.set_result(server.sockets[0].getsockname()[1])
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # ends what is still open
            runner.run(serve())

    thread = Thread(target=run)
    thread.start()
    yield port.result(10)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


def settings(url: str) -> Settings:
    """Settings of a portal in production whose queue is there."""
    return Settings.checked(
        None,
        public_url="https://guests.example.org",
        secret_keys="fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A",
        redis_url=url,
    )


def test_a_queue_behind_tls(tls_port: int, redis_url: str, authority: Authority):
    """As deploy/portal.env.example writes it, with an authority of the operator's own."""
    password = urlsplit(redis_url).password
    url = f"rediss://:{password}@localhost:{tls_port}/0?ssl_ca_certs={authority.file}"
    with connect(settings(url)) as redis:
        enqueue(redis, "portal.lifecycle.jobs.sweep")
        assert len(queue_of(redis)) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_stranger_in_between_gets_no_password(
    tls_port: int, redis_url: str, authority: Authority, host: str
):
    """Neither an unknown authority's certificate nor one for another name is taken."""
    password = urlsplit(redis_url).password
    known = f"?ssl_ca_certs={authority.file}" if host == "127.0.0.1" else ""
    url = f"rediss://:{password}@{host}:{tls_port}/0{known}"
    with connect(settings(url)) as redis, pytest.raises(Unreachable, match="CERTIFICATE_VERIFY"):
        redis.ping()
