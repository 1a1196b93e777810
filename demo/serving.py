"""A WSGI application on a thread of its own, until it is stopped."""

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(slots=True)
class Served:
    """A listening application."""

    url: str
    server: BaseWSGIServer
    thread: threading.Thread

    def stop(self) -> None:
        """Stop listening and wait for the thread. Safe to call twice."""
        self.server.shutdown()
        self.thread.join(timeout=5)
        self.server.server_close()


def serve(app: "WSGIApplication", host: str, port: int) -> Served:
    """Serve *app* at ``http://HOST:PORT`` (port 0: a free one) until `Served.stop`."""
    # One line a request would drown what the demo says.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server(host, port, app, threaded=True)
    thread = threading.Thread(
        target=server.serve_forever,
        kwargs={"poll_interval": 0.05},
        name=f"serve {port}",
        daemon=True,
    )
    thread.start()
    return Served(f"http://{host}:{server.server_port}", server, thread)
