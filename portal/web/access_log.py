"""What gunicorn writes of requests: a line of ASCII each, without what opens a door."""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from gunicorn.glogging import Logger

from portal.foundation.logs import path_to_log

_PLAIN: Final = "/:@!$&'()*+,;="  # what a path may hold as it is (RFC 3986, 3.3)


class AccessLog(Logger):  # type: ignore[misc] # gunicorn has no types
    """The access log, in which nobody writes lines of their own.

    Gunicorn logs the path decoded: a request for ``/x%0a...`` would begin a new line.
    """

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta
    ) -> dict[str, Any]:
        """Return the parts of a line; ``U``, the path, is encoded as it was sent."""
        parts: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        path = quote(environ.get("PATH_INFO", ""), safe=_PLAIN, encoding="latin-1")
        return {**parts, "U": path_to_log(path)}

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Tell of a request that could not be read, without its query."""
        super().warning(_quiet(msg), *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Tell of a request that failed, without its query."""
        super().exception(msg, *map(_quiet, args), **kwargs)


def _quiet(said: Any) -> Any:
    return path_to_log(said.partition("?")[0]) if isinstance(said, str) else said
