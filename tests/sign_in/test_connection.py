"""A connection, from a partner's row and from the host's settings."""

from dataclasses import replace
from types import MappingProxyType

from portal.foundation.settings import Settings
from portal.sign_in.connection import host_connection, partner_connection
from tests.sign_in.test_rules import ACME


def test_connections() -> None:
    """A partner's comes from its row; its secret is in no representation."""
    assert "hunter2" not in repr(ACME)
    copied = partner_connection(ACME, wanted_claims=("department",))  # type: ignore[arg-type]
    assert replace(copied, wanted_claims=()) == ACME
    assert partner_connection(replace(ACME, scopes=("email",))).scopes == (  # type: ignore[arg-type]
        "openid",
        "email",
    )
    assert ACME.redirect_uri("https://p.example/") == (
        "https://p.example/sign-in/acme/main/callback"
    )


def test_the_hosts_own_connection() -> None:
    """From the settings; none when none is configured."""
    settings = Settings.model_construct(host_oidc_issuer="", host_name="Host Ltd")
    assert host_connection(settings) is None
    configured = settings.model_copy(
        update={
            "host_oidc_issuer": "https://id.host.example",
            "host_oidc_client_id": "portal",
            "host_oidc_client_secret": "hunter2",
            "host_oidc_role_claim": "groups",
            "host_oidc_accepted_acr": ("gold",),
            "host_oidc_accepted_amr": (),
        }
    )
    own = host_connection(configured)
    assert own is not None
    assert own.is_host
    assert own.redirect_uri("https://p.example") == "https://p.example/staff/sign-in/callback"
    assert own.wanted_claims == ("groups",)
    assert own.accepted_acr == ("gold",)
    assert isinstance(own.required_claims, MappingProxyType)
