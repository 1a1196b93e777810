"""What the tests stand on is itself real: databases, queue, mail, browser, identity provider."""

import smtplib
import ssl
import urllib.request
from email.message import EmailMessage

import pytest
import redis
from flask import Flask, request
from sqlalchemy import inspect, text

from portal.foundation.db import Base, db
from tests.infra.mailbox import text_of
from tests.infra.providers import User
from tests.infra.schema import import_every_table
from tests.infra.web import served


def test_a_fresh_database_has_every_table_and_no_row(database):
    """Each test begins with the whole schema."""
    import_every_table()
    names = set(inspect(db.engine).get_table_names())
    assert set(Base.metadata.tables) <= names
    assert db.session.scalar(text("SELECT count(*) FROM guest")) == 0


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_database_can_be_chosen(database_url, request):
    """A test may say on which database it runs."""
    assert database_url.startswith(request.node.callspec.params["database_url"])


def test_the_queue_wants_its_password(redis_url):
    """Who does not know the password does not get in."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.dbsize() == 0
    stranger = redis_url.replace(redis_url.partition("@")[0], "unix://")
    with redis.Redis.from_url(stranger) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_mail_is_kept(mailbox):
    """A message can be waited for and read."""
    message = EmailMessage()
    message["To"], message["From"], message["Subject"] = "ada@acme.example", "p@host.example", "Hi"
    message.set_content("Grüße\n")
    host, _, port = mailbox.url.removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port)) as smtp:
        smtp.send_message(message)
    (received,) = mailbox.wait_for("ada@acme.example")
    assert text_of(received) == "Grüße\n"


def _hello(url):
    app = Flask("hello")

    @app.get("/")
    def hello():
        return (
            f"<h1>{request.host_url}</h1><script>document.title = 'ran'</script>",
            {
                "Content-Security-Policy": request.args.get(
                    "csp", "default-src 'self' 'unsafe-inline'"
                )
            },
        )

    return app


def test_https_is_https(authority):
    """Only who trusts the authority of the tests speaks to what they serve."""
    with served(_hello, authority=authority) as (_, url):
        trusting = ssl.create_default_context(cafile=str(authority.file))
        with urllib.request.urlopen(url, context=trusting) as answer:
            assert url in answer.read().decode()


@pytest.mark.browser
def test_a_real_browser_runs_scripts(page):
    """The browser is one."""
    with served(_hello) as (_, url):
        page.goto(url)
        assert page.title() == "ran"
        page.goto("about:blank")


@pytest.mark.browser
def test_what_the_csp_stops_is_heard_of(chromium):
    """A page that breaks its own content security policy does not go unnoticed."""
    from tests.infra.browser import Complaints

    complaints = Complaints()
    context = chromium.new_context()
    complaints.listen(context)
    with served(_hello) as (_, url):
        context.new_page().goto(f"{url}/?csp=default-src 'self'", wait_until="networkidle")
        context.close()
    assert any("script" in complaint for complaint in complaints.found)


def test_a_provider_that_others_wrote_answers(mock_provider):
    """oidc-provider-mock names itself as issuer."""
    issuer = mock_provider(User(sub="ada", claims={"email": "ada@acme.example"}))
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration") as answer:
        assert f'"issuer":"{issuer}"' in answer.read().decode().replace(" ", "")


def test_canaille_has_its_own_environment(canaille):
    """The other provider is installed."""
    assert canaille.endswith("/bin/canaille")
