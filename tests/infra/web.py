"""The portal behind a real socket, in a thread of this process."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import make_server

from portal.foundation.db import db
from tests.infra.tls import Authority


@contextmanager
def served(
    make_app: Callable[[str], Flask],
    *,
    host: str = "127.0.0.1",
    authority: Authority | None = None,
) -> Iterator[tuple[Flask, str]]:
    """Serve an application; yield it and its URL.

    Args:
        make_app: is told the public URL, which must be known before the application is made.
        host: a loopback address; cookies ignore ports, so neighbours need hosts of their own.
        authority: issues the certificate when it is to be https.
    """
    with socket.create_server((host, 0)) as listening:
        context: ssl.SSLContext | None = None
        if authority is not None:
            context = authority.issue(host).server_context()
        url = f"{'https' if context else 'http'}://{host}:{listening.getsockname()[1]}"
        app = make_app(url)
        server = make_server(
            host, 0, app, threaded=True, ssl_context=context, fd=listening.fileno()
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield app, url
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()
            if "sqlalchemy" in app.extensions:  # a portal of kit alone has no database
                with app.app_context():
                    db.session.remove()
                    for engine in db.engines.values():
                        engine.dispose()
