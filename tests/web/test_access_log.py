"""What the web server writes of a request: one line, and nothing that opens a door (case L05)."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.glogging import SafeAtoms

from portal.commands.run import ACCESS_LOG, gunicorn
from portal.web.access_log import AccessLog


def line_of(path: str) -> str:
    """Return the line about a request; *path* as a WSGI server gives it, decoded as Latin-1."""
    environ = {
        "REMOTE_ADDR": "192.0.2.7",
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "RAW_URI": f"{path}?code=hush",
        "QUERY_STRING": "code=hush",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    answer = SimpleNamespace(status="200 OK", sent=6, headers=[])
    atoms = AccessLog(Config()).atoms(
        answer, SimpleNamespace(headers=[]), environ, timedelta(milliseconds=5)
    )
    return ACCESS_LOG % SafeAtoms(atoms)


def test_a_line_says_what_was_asked_for():
    """Without its query: that of a callback holds a code."""
    assert line_of("/sign-in/acme") == '192.0.2.7 "GET /sign-in/acme" 200 6 5ms'


@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b[2J", "\x85", "\x9b2J", "\x00", '"'])
def test_a_request_is_one_line(sign: str):
    """Nobody writes lines of their own into it, or commands to a terminal."""
    line = line_of(f"/x{sign}y")
    assert line.isprintable()
    assert line.count('"') == 2


def test_other_letters_stand_as_they_were_sent():
    """In the octets of the address."""
    assert "/b%C3%BCcher" in line_of("/bücher".encode().decode("latin-1"))


def test_a_link_that_opens_once_is_not_in_it():
    """Looking at it does not use it up: whoever reads the log could."""
    assert line_of("/staff/link/hush") == '192.0.2.7 "GET /staff/link/-" 200 6 5ms'


def test_what_the_server_says_of_a_broken_request_holds_no_secret(caplog):
    """It quotes the line, or the address: neither the query nor what opens once."""
    logger = AccessLog(Config())
    logger.error_log.addHandler(caplog.handler)
    logger.warning("Invalid request from ip=192.0.2.7: 'GET /x/callback?code=hush HTTP/1.1'")
    logger.warning("Invalid request from ip=192.0.2.7: 'GET /staff/link/hush\xff HTTP/1.1'")
    try:
        int("no number")
    except ValueError:
        logger.exception("Error handling request %s", "/x/callback?code=hush")
    logger.error_log.removeHandler(caplog.handler)
    assert len(caplog.messages) == 3
    assert all("GET /" in said or "/x/callback" in said for said in caplog.messages)
    assert "hush" not in caplog.text


def test_the_web_server_writes_it_so(settings):
    """It is told to."""
    assert "--logger-class=portal.web.access_log.AccessLog" in gunicorn(settings)
