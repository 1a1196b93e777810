"""Static files and the host's own look: hashed addresses, kept for ever, compressed once.

A page names a file with the hash of its content, so the answer never goes stale and is never
asked for twice. The accent colour comes as a small stylesheet, since the CSP forbids inline style.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, request
from werkzeug.security import safe_join

from portal.foundation import files
from portal.foundation.current import settings_of
from portal.foundation.setting_rules import contrast
from portal.web.guards import for_anyone

FOR_EVER: Final = "public, max-age=31536000, immutable"
A_WHILE: Final = "public, max-age=300"
DARK_SURFACE: Final = "#262626"  # what links stand on in dark mode
DARK_CONTRAST: Final = 6.0  # 4.5 is due (WCAG 2.2, 1.4.3); thin letters on dark want more
_COMPRESSED: Final = frozenset({".css", ".js", ".svg", ".txt"})
_LEAST: Final = 1024  # bytes below which compressing is not worth it
_LOGO_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # an SVG is a page

bp = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    packed: bytes | None
    kind: str
    hash: str


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int) -> Asset:
    body = path.read_bytes()
    packed = None
    if path.suffix in _COMPRESSED and len(body) >= _LEAST:
        packed = gzip.compress(body, 9, mtime=0)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith("javascript"):
        kind += "; charset=utf-8"
    return Asset(body, packed, kind, hashlib.sha256(body).hexdigest()[:16])


def _asset(path: Path) -> Asset | None:
    try:
        found = path.stat()
        return _read(path, found.st_mtime_ns) if S_ISREG(found.st_mode) else None
    except (OSError, ValueError):  # a name with NUL in it is no name
        return None


@cache
def asset(name: str) -> str:
    """Return the address of a static file, with the hash of its content when this process began."""
    found = _asset(files.folder("static") / name)
    if found is None:
        raise FileNotFoundError(f"there is no static file {name}")
    return f"/static/{name}?v={found.hash}"


@bp.get("/static/<path:name>", endpoint="static")
@for_anyone
def static_file(name: str) -> Response:
    """Send a static file, for ever where its address holds the hash."""
    path = safe_join(str(files.folder("static")), name)
    found = _asset(Path(path)) if path else None
    if found is None:
        abort(404)
    return _named(found)


@bp.get("/brand.css")
@for_anyone
def brand_css() -> Response:
    """Send the host's accent colour, as it is and as it can be read on dark."""
    return _named(_brand(settings_of(current_app).colour))


@bp.get("/brand/logo")
@for_anyone
def logo() -> Response:
    """Send the host's logo."""
    found = _logo()
    if found is None:
        abort(404)
    response = _named(found)
    response.headers["Content-Security-Policy"] = _LOGO_POLICY
    return response


def brand(name: str) -> str:
    """Return the address of the host's ``css`` or ``logo``, with the hash of its content.

    Empty where the host has no logo, or where it cannot be read.
    """
    if name == "css":
        return f"/brand.css?v={_brand(settings_of(current_app).colour).hash}"
    found = _logo()
    return f"/brand/logo?v={found.hash}" if found else ""


@lru_cache(maxsize=8)
def _brand(accent: str) -> Asset:
    light, dark = _triple(accent), readable_on_dark(accent)
    body = (
        f":root{{--accent:light-dark({accent},{dark});--accent-solid:{accent};"
        f"--tblr-primary:{accent};--tblr-primary-rgb:{light};"
        f"--tblr-link-color:{accent};--tblr-link-color-rgb:{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{--tblr-link-color:{dark};"
        f"--tblr-link-color-rgb:{_triple(dark)}}}}}\n"
    ).encode()
    return Asset(body, None, "text/css; charset=utf-8", hashlib.sha256(body).hexdigest()[:16])


def _logo() -> Asset | None:
    name = settings_of(current_app).logo
    return _asset(Path(name)) if name else None


def readable_on_dark(colour: str) -> str:
    """Return a colour lightened until it can be read on a dark surface."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    for step in range(21):
        share = step / 20
        mixed = "#" + "".join(f"{round(part + (255 - part) * share):02x}" for part in parts)
        if contrast(mixed, DARK_SURFACE) >= DARK_CONTRAST:
            return mixed
    return "#ffffff"


def init_assets(app: Flask) -> None:
    """Serve the files, and let templates name them."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(asset=asset, brand=brand)


def _triple(colour: str) -> str:
    return ", ".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))


def _named(found: Asset) -> Response:
    """Send a file, for ever where the address holds its hash."""
    packs = found.packed is not None and request.accept_encodings["gzip"] > 0
    response = Response((found.packed if packs else found.body) or b"", content_type=found.kind)
    response.headers["Cache-Control"] = FOR_EVER if request.args.get("v") == found.hash else A_WHILE
    response.set_etag(found.hash)
    if found.packed is not None:
        response.headers["Vary"] = "Accept-Encoding"
        if packs:
            response.headers["Content-Encoding"] = "gzip"
    response.make_conditional(request)
    return response
