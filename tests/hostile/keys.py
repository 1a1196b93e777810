"""Keys of providers, made once a run: an RSA key takes longer than a whole sign-in."""

import base64
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey


@cache
def key(name: str, kind: str = "RSA") -> Key:
    """Return the private key of this name; the same name is the same key for the whole run."""
    if kind == "RSA":
        return RSAKey.generate_key(2048, {"kid": name})
    if kind == "OKP":
        return OKPKey.generate_key("Ed25519", {"kid": name})
    curve = {"EC": "P-256", "EC384": "P-384", "EC521": "P-521"}[kind]
    return ECKey.generate_key(curve, {"kid": name})  # type: ignore[arg-type]


def public(one: Key, **parameters: Any) -> dict[str, Any]:
    """Return the public half as a JWK; ``None`` removes a member."""
    members = {"use": "sig"} | dict(one.as_dict(private=False)) | parameters
    return {name: value for name, value in members.items() if value is not None}


def pem(one: Key) -> bytes:
    """Return the public half as PEM: what an attacker would use as an HMAC secret (O07)."""
    return one.as_pem(private=False)  # type: ignore[union-attr]


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], one: Key) -> str:
    """Return a JWS by the algorithm that the header names."""
    text = signing_input(header, claims)
    model = jws.JWSRegistry.algorithms[header["alg"]]  # it signs whatever the header says
    return f"{text}.{b64(model.sign(text.encode(), one))}"


def hmac_signed(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    """Return a JWS by HS256 under any secret, an empty one too."""
    text = signing_input(header, claims)
    return f"{text}.{b64(hmac.new(secret, text.encode(), 'sha256').digest())}"


def signing_input(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return the first two parts of a JWS."""
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
