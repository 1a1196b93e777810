"""Serve Canaille from a prepared directory. Run by Canaille's own Python, never imported by ours.

Usage: python canaille_server.py DIRECTORY HOST PORT, with ``CANAILLE_CONFIG`` in the environment.

The process ends when its standard input does: however its parent ends, it does not stay behind.
"""

import json
import os
import sys
import threading
from pathlib import Path

from canaille import create_app
from canaille.backends import Backend
from werkzeug.serving import WSGIRequestHandler, make_server


def end_with_parent() -> None:
    """Wait for the end of standard input, whose other end the parent holds, then leave."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def main(directory: Path, host: str, port: int) -> None:
    """Put the users and the client into a fresh database, then serve until the parent ends."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    app = create_app(env_file="")
    with app.app_context(), Backend.instance.session():
        seed = (directory / "seed.json").read_text()
        Backend.instance.restore(json.loads(seed, object_hook=Backend.instance.json_decode_hook))

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

    make_server(host, port, app, threaded=True, request_handler=Handler).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
