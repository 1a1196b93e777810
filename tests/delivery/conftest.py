"""A mail as it arrives."""

from email import message_from_bytes, policy

import pytest

from portal.delivery.mail import compose
from portal.foundation import crypto
from tests.delivery.samples import claimed


@pytest.fixture
def render(database, settings):
    """Compose a mail, and read it as it arrives."""

    def render(kind, *, changed_settings=None, **changes):
        message = claimed(kind, **changes)
        if kind == "staff.bind_link":
            message.payload["url"] = crypto.encrypt(message.payload["url"])
        wire = compose(changed_settings or settings, message).as_bytes()
        return message_from_bytes(wire, policy=policy.default)

    return render
