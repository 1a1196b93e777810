"""Every mail leads to a page that there is."""

import pytest

from portal.delivery.rules import PATHS

IDS = {
    "sponsorship_id": "0190b5a0-1111-7000-8000-000000000001",
    "guest_id": "0190b5a0-2222-7000-8000-000000000002",
    "reference": "7K3F-9QX-M2D",
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_link_is_a_page(app):
    """A GET is answered at each address that a mail names."""
    pages = app.url_map.bind("guests.host.example", url_scheme="https")
    paths = {path.format_map(IDS).partition("?")[0] for path in PATHS.values() if path}
    missing = {path for path in paths if not pages.test(path, "GET")}
    assert missing == set()
