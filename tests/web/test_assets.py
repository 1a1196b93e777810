"""Static files, and the host's own look."""

import gzip
import re
from pathlib import Path

import pytest

from portal.foundation import files
from portal.foundation.setting_rules import contrast
from portal.web.assets import DARK_SURFACE, FOR_EVER, asset, readable_on_dark
from tests.web.conftest import Kit


def test_a_hashed_file_is_kept_for_ever(kit: Kit):
    """Compressed where the browser takes it, and the same bytes."""
    plain = kit.get(asset("portal.css"))
    packed = kit.get(asset("portal.css"), headers={"Accept-Encoding": "br, gzip"})
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Cookie" not in packed.headers["Vary"]


def test_everything_that_a_page_names_is_hashed_kept_and_small(make_kit, tmp_path: Path):
    """Style, script, icon, the host's colour and logo: never asked for twice, sent packed."""
    logo = tmp_path / "logo.svg"
    logo.write_text(f"<svg xmlns='http://www.w3.org/2000/svg'>{'<g/>' * 400}</svg>")
    kit = make_kit(logo=str(logo))
    page = kit.get("/form").text
    named = re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', page)
    assert {name.partition("?")[0] for name in named} >= {
        *("/static/portal.css", "/static/portal.js", "/brand.css", "/brand/logo"),
    }
    for name in named:
        answer = kit.get(name, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Cache-Control"] == FOR_EVER, name
        packed = answer.headers.get("Content-Encoding") == "gzip"
        assert packed or len(answer.data) < 1024, name


@pytest.mark.parametrize("version", ["", "?v=0000000000000000"])
def test_another_version_is_kept_a_while(kit: Kit, version):
    """So that a page of before an upgrade gets over it."""
    answer = kit.get(f"/static/portal.css{version}")
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_unchanged_is_told(kit: Kit):
    """304, without the body."""
    etag = kit.get("/static/portal.css").headers["ETag"]
    answer = kit.get("/static/portal.css", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")


@pytest.mark.parametrize(
    "path", ["../pyproject.toml", "%2e%2e/pyproject.toml", "/etc/passwd", "vendor", "nothing.css"]
)
def test_nothing_outside_is_served(kit: Kit, path):
    """Nor a folder."""
    assert kit.get(f"/static/{path}").status_code in {404, 308}


def test_a_page_names_no_missing_file():
    """A typing error is found by the first test that renders the page."""
    with pytest.raises(FileNotFoundError, match="no static file"):
        asset("portal.csss")


def test_the_accent_colour_is_the_hosts(make_kit):
    """As set, and lighter on dark, readable on both."""
    css = make_kit(colour="#7a1fa2").get("/brand.css")
    assert css.mimetype == "text/css"
    assert "--accent-solid:#7a1fa2" in css.text


@pytest.mark.parametrize("colour", ["#000000", "#14532d", "#7a1fa2", "#00008b", "#767676"])
def test_the_accent_can_be_read_on_dark(colour):
    """WCAG 2.2, 1.4.3."""
    assert contrast(readable_on_dark(colour), DARK_SURFACE) >= 4.5


def test_the_logo_is_an_image_and_nothing_more(make_kit, tmp_path: Path):
    """An SVG with a script in it runs nothing."""
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    kit = make_kit(logo=str(logo))
    answer = kit.get("/brand/logo")
    assert answer.mimetype == "image/svg+xml"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert '<img src="/brand/logo?v=' in kit.get("/form").text


def test_without_a_logo_there_is_none(kit: Kit):
    """404, and no broken image."""
    assert kit.get("/brand/logo").status_code == 404
    assert "/brand/logo" not in kit.get("/form").text


def test_vendored_files_bring_their_licence():
    """MIT asks for it."""
    for vendored in (files.folder("static") / "vendor").iterdir():
        assert (vendored / "LICENSE").is_file(), vendored.name


def test_the_script_makes_no_markup():
    """What it writes is text, whoever wrote it before (ASVS 3.2.2)."""
    script = (files.folder("static") / "portal.js").read_text()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script
