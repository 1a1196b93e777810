"""What may be configured as an application and its entitlements."""

import re
from typing import Final
from urllib.parse import urlsplit

from portal.foundation.refused import Refused

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
MOST_URL: Final = 2048


def check_slug(text: str) -> str:
    """Return a slug.

    Raises:
        Refused: anything else than lower-case ASCII letters, digits and hyphens.
    """
    slug = text.strip()
    if not _SLUG.fullmatch(slug):
        raise Refused(
            "slug", "Use 1 to 63 lower-case letters, digits and hyphens; begin with no hyphen"
        )
    return slug


def check_url(text: str) -> str:
    """Return the address that the link of an application leads to.

    Raises:
        Refused: no http or https address, or one with a user name.
    """
    url = text.strip()
    wrong = Refused("url", "Enter the address of the application, like https://wiki.example.com/")
    printable = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}')
    if not printable or len(url) > MOST_URL:
        raise wrong
    try:
        parts = urlsplit(url)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong from None
    if not readable or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise wrong
    if "@" in parts.netloc:
        raise Refused("url", "Enter the address without a user name or password")
    return url
