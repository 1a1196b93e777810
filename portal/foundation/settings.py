"""Every ``PORTAL_`` setting, checked at start, all faults at once and one clear line each.

The text under each field is its documentation; ``portal init`` writes it into a first file. Empty
means not set. Lists are separated by commas. Values come from the environment first, then from the
settings file (``portal.env`` in the working folder, or what ``PORTAL_SETTINGS_FILE`` names).
"""

import os
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from portal.foundation.setting_rules import (
    bind_fault,
    ca_fault,
    colour_fault,
    contact_fault,
    database_fault,
    host_list_fault,
    https_fault,
    limit_fault,
    logo_fault,
    name_fault,
    passed_over,
    proxy_fault,
    public_url_fault,
    redis_fault,
    secret_fault,
    smtp_fault,
    unknown_name_line,
)
from portal.foundation.text import BadText, canonical_domain, canonical_email

PREFIX: Final = "PORTAL_"
FILE_VARIABLE: Final = "PORTAL_SETTINGS_FILE"
DEFAULT_FILE: Final = "portal.env"


class BadSettings(Exception):
    """The settings are refused.

    Attributes:
        lines: one for each fault, each names the variable and says what to do.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _obeys(fault: Callable[[str], str | None]) -> AfterValidator:
    """Return a validator that refuses a text for which *fault* has a sentence."""

    def check(value: str) -> str:
        if value and (sentence := fault(value)):
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


def _domain(value: str) -> str:
    try:
        return canonical_domain(value)
    except BadText as bad:
        raise ValueError(f"{value!r} is no domain name, like example.com") from bad


List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Limit = Annotated[str, _obeys(limit_fault)]


class Settings(BaseSettings):
    """What an installation of the portal is told from outside. Immutable once read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        env_file_encoding="utf-8",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    env: Literal["production", "development"] = "production"
    """`production` or `development`. Development allows http and providers on loopback, a moved
    clock and a Redis without password; never use it where others can reach it."""

    bind: Annotated[str, _obeys(bind_fault)] = "127.0.0.1:8000"
    """Address and port on which the web server listens, or `unix:/path/of/socket`."""

    public_url: str
    """The address people type, as in `https://guests.example.org`, without a path. Every link
    and every redirect URI is built from it, and no other host name is answered."""

    secret_keys: Annotated[List, Field(repr=False)]
    """Secrets of 32 random characters or more. The first encrypts and signs, all decrypt and
    verify: to change it put a new one in front. `portal init` makes one."""

    data_dir: Path = Path("var")
    """Folder of the embedded database and queue. Back it up, let nobody else read it."""

    database_url: Annotated[str, _obeys(database_fault), Field(repr=False)] = ""
    """`postgresql://user:password@host/name`. Not set: SQLite in the data folder."""

    redis_url: Annotated[str, Field(repr=False)] = ""
    """`rediss://:password@host:6379/0`, `unix://:password@/path`, or `redis://` (without TLS) on
    this machine. Not set: `portal up` starts its own server, on a socket in the data folder."""

    smtp_url: Annotated[str, _obeys(smtp_fault), Field(repr=False)] = "smtp://127.0.0.1:25"
    """`smtp://user:password@host:587` (upgraded to TLS where the server offers it, always with
    a password) or `smtps://user:password@host:465`."""

    mail_from: str = ""
    """Sender of every mail. Not set: `no-reply@` and the host of the public URL."""

    host_name: Annotated[str, Field(min_length=1, max_length=80), _obeys(name_fault)] = (
        "Our company"
    )
    """Name of the host organisation, as guests know it."""

    host_domains: Annotated[List, AfterValidator(lambda names: tuple(map(_domain, names)))] = ()
    """E-mail domains of the host's own people. A partner that asserts one is refused."""

    support_contact: Annotated[str, _obeys(contact_fault)] = ""
    """Where people get help: an e-mail address, an https address or a telephone number."""

    logo: Annotated[str, _obeys(logo_fault)] = ""
    """Path of a PNG, JPEG, WebP or SVG file, shown beside the host's name."""

    colour: Annotated[str, _obeys(colour_fault)] = "#14532d"
    """The one accent colour, `#rrggbb`, dark enough to carry white text."""

    host_oidc_issuer: str = ""
    """Issuer of the host's own identity provider, through which employees sign in. It may stand
    on a private network."""

    host_oidc_client_id: str = ""
    """Client id of the portal there."""

    host_oidc_client_secret: Annotated[str, Field(repr=False)] = ""
    """Client secret of the portal there."""

    host_oidc_role_claim: str = ""
    """Claim that tells roles. Set, it is authoritative both ways; not set, roles are given by
    `portal staff add`."""

    host_oidc_sponsor_value: str = ""
    """Value of the role claim that makes a sponsor."""

    host_oidc_admin_value: str = ""
    """Value of the role claim that makes an admin."""

    host_oidc_accepted_acr: List = ()
    """Sign-in strengths (`acr`) of which employees need one, unless an `amr` is accepted."""

    host_oidc_accepted_amr: List = ()
    """Sign-in methods (`amr`) of which employees need one, unless an `acr` is accepted."""

    trusted_hops: Annotated[int, Field(ge=0, le=10)] = 0
    """How many reverse proxies of yours add to `X-Forwarded-For` before the portal."""

    ca_file: Annotated[str, _obeys(ca_fault)] = ""
    """PEM file of certificate authorities trusted in addition to the public ones."""

    egress_proxy: Annotated[str, _obeys(proxy_fault), Field(repr=False)] = ""
    """`http://proxy:3128`, through which identity providers are reached (CONNECT). It then
    resolves names, and must itself refuse private addresses."""

    egress_private_hosts: Annotated[List, AfterValidator(host_list_fault)] = ()
    """Hosts, `name` or `name:port`, that may be fetched from although their address is private
    or their port unusual. Only an operator says so, never a partner."""

    limit_per_address: Limit = "3000 per minute"
    """Most requests from one client address of people who are not signed in."""

    limit_sign_in_per_address: Limit = "60 per minute; 600 per hour"
    """Most addresses asked about, and single-use links tried, from one client address."""

    limit_per_account: Limit = "300 per minute"
    """Most requests of one signed-in person."""

    session_idle_minutes: Annotated[int, Field(ge=10, le=1440)] = 480
    """Minutes without a request after which somebody has to sign in again."""

    session_hours: Annotated[int, Field(ge=1, le=168)] = 12
    """Hours after which somebody has to sign in again in any case; a break-glass session has one
    hour, and none outlives the access it was given for."""

    sweep_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """Seconds between two sweeps, which tell people and tidy up. Access never waits for one."""

    clock_offset: int = 0
    """Seconds by which the policy clock is moved, to see time pass. Development only."""

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str, info: ValidationInfo) -> str:
        value = value.strip().removesuffix("/")
        _refuse(public_url_fault(value, development=_development(info)))
        return value

    @field_validator("secret_keys")
    @classmethod
    def _secret_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("set at least one secret; `portal init` makes one")
        _refuse(next(filter(None, map(secret_fault, value)), None))
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str, info: ValidationInfo) -> str:
        _refuse(redis_fault(value, development=_development(info)) if value else None)
        return value

    @field_validator("mail_from")
    @classmethod
    def _mail_from(cls, value: str, info: ValidationInfo) -> str:
        if not value:
            return f"no-reply@{_mail_host(info.data.get('public_url', ''))}"
        try:
            return canonical_email(value)
        except BadText as bad:
            raise ValueError("enter one bare address, like no-reply@example.org") from bad

    @field_validator("host_oidc_issuer")
    @classmethod
    def _issuer(cls, value: str, info: ValidationInfo) -> str:
        _refuse(https_fault(value, development=_development(info)) if value else None)
        return value

    @field_validator("host_oidc_client_id", "host_oidc_client_secret")
    @classmethod
    def _with_issuer(cls, value: str, info: ValidationInfo) -> str:
        # A refused issuer is not in `data`: its own line is enough.
        issuer = info.data.get("host_oidc_issuer", value)
        if issuer and not value:
            raise ValueError("is needed with PORTAL_HOST_OIDC_ISSUER")
        if value and not issuer:
            raise ValueError("is of no use without PORTAL_HOST_OIDC_ISSUER")
        return value

    @field_validator("host_oidc_admin_value")
    @classmethod
    def _with_role_claim(cls, value: str, info: ValidationInfo) -> str:
        claim = info.data.get("host_oidc_role_claim")
        if bool(claim) != bool(value or info.data.get("host_oidc_sponsor_value")):
            raise ValueError(
                "PORTAL_HOST_OIDC_ROLE_CLAIM and at least one of PORTAL_HOST_OIDC_SPONSOR_VALUE "
                "and PORTAL_HOST_OIDC_ADMIN_VALUE go together"
            )
        return value

    @field_validator("clock_offset")
    @classmethod
    def _clock_offset(cls, value: int, info: ValidationInfo) -> int:
        if value and not _development(info):
            raise ValueError("the clock can only be moved with PORTAL_ENV=development")
        return value

    @property
    def development(self) -> bool:
        """Whether this is an installation to try things on."""
        return self.env == "development"

    @property
    def https(self) -> bool:
        """Whether people reach the portal over https."""
        return self.public_url.startswith("https:")

    @property
    def public_host(self) -> str:
        """The host, and port if unusual, of the public URL."""
        return urlsplit(self.public_url).netloc

    @property
    def database(self) -> str:
        """SQLAlchemy's URL of the database; psycopg 3 for PostgreSQL."""
        if not self.database_url:
            return f"sqlite:///{quote(str((self.data_dir / 'portal.sqlite3').absolute()))}"
        scheme, _, rest = self.database_url.partition("://")
        return f"{'postgresql+psycopg' if scheme.startswith('postgres') else scheme}://{rest}"

    @classmethod
    def checked(cls, file: Path | None = None, **values: object) -> Self:
        """Return settings from *values*, the environment and *file*, in this order.

        Raises:
            BadSettings: with one line for every fault.
        """
        try:
            return cls(_env_file=file, **values)  # type: ignore[arg-type]
        except ValidationError as fault:
            raise BadSettings(_lines(fault, frozenset(cls.model_fields))) from None


def load_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        BadSettings: with one line for every fault.
    """
    named = os.environ.get(FILE_VARIABLE)
    file = Path(named or DEFAULT_FILE)
    try:
        if file.is_file():
            _require_lines(file)
        elif named:
            said = f"{FILE_VARIABLE}: there is no file {named}; `portal init` writes one"
            raise BadSettings([said])
        settings = Settings.checked(file)
    except PermissionError:
        whose = f"you may not read {file}; be the user that runs the portal"
        raise BadSettings([f"{FILE_VARIABLE if named else file}: {whose}"]) from None
    if os.environ.get("FLASK_DEBUG", "0").lower() not in {"", "0", "false", "no"} and (
        not settings.development
    ):
        raise BadSettings(["FLASK_DEBUG: unset it (debugging is for PORTAL_ENV=development)"])
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each ``PORTAL_`` variable that is no setting: nothing reads it."""
    known = frozenset(Settings.model_fields)
    names = {name.upper() for name in environment} - {FILE_VARIABLE}
    fields = {name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX)}
    return [unknown_name_line(field, known, PREFIX) for field in sorted(fields - known)]


def _require_lines(file: Path) -> None:
    """Refuse a file of which a line would be passed over."""
    try:
        with file.open(encoding="utf-8") as opened:
            found = [f"{file}: {line}" for line in passed_over(opened)]
    except UnicodeDecodeError:
        raise BadSettings([f"{file}: write it in UTF-8"]) from None
    if found:
        raise BadSettings(found)


def _development(info: ValidationInfo) -> bool:
    """Whether development was asked for; when PORTAL_ENV itself is wrong, the strict answer."""
    return info.data.get("env") == "development"


def _refuse(sentence: str | None) -> None:
    if sentence:
        raise ValueError(sentence)


def _mail_host(public_url: str) -> str:
    host = urlsplit(public_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host if "." in host else "portal.localhost"
    return "portal.localhost"


def _lines(fault: ValidationError, known: frozenset[str]) -> list[str]:
    lines = []
    for error in fault.errors(include_url=False, include_input=False):
        field = str(error["loc"][0])
        name = PREFIX + field.upper()
        if error["type"] == "extra_forbidden":
            lines.append(unknown_name_line(field, known, PREFIX))
        elif error["type"] == "missing":
            lines.append(f"{name}: is not set; `portal init` writes a first settings file")
        elif error["type"] == "value_error":
            lines.append(f"{name}: {error['ctx']['error']}")
        else:
            lines.append(f"{name}: {error['msg'][0].lower()}{error['msg'][1:]}")
    return lines
