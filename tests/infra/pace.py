"""How fast this machine is just now: what is held to processor time is held to that pace."""

from html.parser import HTMLParser
from time import process_time

_PAGE = "<section class='one'><h2>A name</h2><p>Words &amp; <b>more</b> of them.</p></section>" * 60
_USUAL = 0.001  # seconds that reading it takes on the machine that the bounds were written for


def slowness() -> float:
    """Return by how much a machine is slower than the usual one: 1 or more.

    Processor time grows with what shares caches and cores: a bound in seconds alone would say
    what the neighbours do. Measure beside what is to be held, not once for a whole run.
    """
    return max(1.0, min(_reading() for _ in range(5)) / _USUAL)


def _reading() -> float:
    began = process_time()
    HTMLParser().feed(_PAGE)
    return process_time() - began
