"""What the portal logs: one line an event to stderr, JSON in production, words in development.

No code, token, cookie, query string or body is ever logged. Every line of a request bears the
reference number that its person sees.
"""

import logging
import os
import re
import sys
from typing import Any, Final

import structlog

from portal.foundation.settings import Settings, unknown_variables

log = structlog.get_logger(__name__)
_OPENS_ONCE: Final = re.compile(r"(?<=/link/).+", re.DOTALL)


def path_to_log(path: str) -> str:
    """Return the path of a request without the token of a single-use link.

    Looking at such a link does not use it up, so whoever reads of it could.
    """
    return _OPENS_ONCE.sub("-", path)


def init_logs(settings: Settings) -> None:
    """Set up logging for this process; libraries' own warnings come the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Any] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if settings.development
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not _ours(one)] + [handler]
    root.setLevel(logging.WARNING)


def tell_unknown_variables() -> None:
    """Warn of variables that look like settings and are none: what they should do, nobody does."""
    for line in unknown_variables(os.environ):
        log.warning("settings.unknown", fault=line)


def _ours(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
