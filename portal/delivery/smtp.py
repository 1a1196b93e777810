"""The conversation with the mail server."""

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from portal.delivery.words import one_line
from portal.foundation.settings import Settings

CONNECT_TIMEOUT: Final = 10.0  # seconds
# A server that looks into a mail before it takes it needs time. Cut off too early it has the mail
# all the same, and would get it again (RFC 5321, 4.5.3.2).
ANSWER_TIMEOUT: Final = 60.0
_PERMANENT: Final = 500  # answers from here on are final (RFC 5321, 4.2.1)
_CLOSING: Final = 421  # it takes nothing more for now and hangs up (RFC 5321, 4.2.3)


class Undeliverable(Exception):
    """A mail did not leave.

    Attributes:
        code: ``mail.detail``, for the audit.
        message: one line for admins, what happened.
        refused: the server said no to this mail for good; waiting alone will not help.
        server: it is the server's state, so that the next mail would fare the same.
    """

    def __init__(
        self, code: str, message: str, *, refused: bool = False, server: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = one_line(message)
        self.refused = refused
        self.server = server


class Postbox:
    """A connection to the mail server, made when the first mail needs it, kept for the others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._smtp is not None:
            self._smtp.close()  # no farewell: the answer to it may be what we were waiting for
            self._smtp = None
        self._hang_up()

    def knock(self) -> None:
        """Open the conversation and send nothing.

        Raises:
            Undeliverable: the server could not be reached, or does not take our password.
        """
        self._connected()

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail to the server, for its one recipient.

        Raises:
            Undeliverable: the server could not be reached or did not take it.
        """
        recipient = mail["To"].addresses[0].addr_spec
        smtp = self._connected()
        try:
            smtp.send_message(mail, self._settings.mail_from, [recipient])
        except smtplib.SMTPServerDisconnected as fault:
            self._hang_up()
            raise Undeliverable("mail.unreachable", f"the server hung up: {fault}") from fault
        except smtplib.SMTPRecipientsRefused as fault:
            (code, answer) = next(iter(fault.recipients.values()))
            raise self._answer(code, answer, "the recipient") from fault
        except smtplib.SMTPSenderRefused as fault:
            raise Undeliverable(
                "mail.sender",
                f"the server does not take mail from {self._settings.mail_from}: "
                f"{fault.smtp_code} {_text(fault.smtp_error)}",
                server=True,
            ) from fault
        except smtplib.SMTPNotSupportedError as fault:
            raise Undeliverable("mail.refused", str(fault), refused=True) from fault
        except smtplib.SMTPResponseException as fault:
            raise self._answer(fault.smtp_code, fault.smtp_error, "the mail") from fault
        except OSError as fault:
            self._hang_up()
            raise Undeliverable("mail.unreachable", f"the connection broke: {fault}") from fault

    def _answer(self, code: int, answer: bytes | str, what: str) -> Undeliverable:
        detail = f"the server refused {what}: {code} {_text(answer)}"
        if code == _CLOSING:
            self._hang_up()
            return Undeliverable("mail.later", detail, server=True)
        refused = code >= _PERMANENT
        return Undeliverable("mail.refused" if refused else "mail.later", detail, refused=refused)

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            try:
                self._smtp = _connect(self._settings)
            except smtplib.SMTPAuthenticationError as fault:
                raise Undeliverable(
                    "mail.auth",
                    f"the server refused our password: {_text(fault.smtp_error)}",
                    server=True,
                ) from fault
            except (OSError, smtplib.SMTPException) as fault:
                raise Undeliverable(
                    "mail.unreachable", f"the server could not be reached: {fault}", server=True
                ) from fault
        return self._smtp

    def _hang_up(self) -> None:
        if self._smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
            self._smtp.close()
            self._smtp = None


def _connect(settings: Settings) -> smtplib.SMTP:
    """Open the conversation: encrypted where the server can, always where a password is sent."""
    parts = urlsplit(settings.smtp_url)
    host = parts.hostname or ""
    secured = parts.scheme == "smtps"
    own_name = settings.mail_from.rpartition("@")[2]  # looking up our own name may take long
    smtp: smtplib.SMTP
    if secured:
        smtp = smtplib.SMTP_SSL(
            host, parts.port or 465, own_name, timeout=CONNECT_TIMEOUT, context=_tls(settings)
        )
    else:
        smtp = smtplib.SMTP(host, parts.port or 25, own_name, timeout=CONNECT_TIMEOUT)
    try:
        smtp.ehlo_or_helo_if_needed()
        if not secured and smtp.has_extn("starttls"):
            smtp.starttls(context=_tls(settings, known=bool(parts.password)))
            smtp.ehlo()
            secured = True
        if parts.username and parts.password:
            _log_in(smtp, unquote(parts.username), unquote(parts.password), secured=secured)
        if smtp.sock is not None:
            smtp.sock.settimeout(ANSWER_TIMEOUT)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _log_in(smtp: smtplib.SMTP, user: str, password: str, *, secured: bool) -> None:
    if not secured:
        raise smtplib.SMTPNotSupportedError("it offers no encryption to send our password under")
    smtp.login(user, password)


def _tls(settings: Settings, *, known: bool = True) -> ssl.SSLContext:
    """Return how to encrypt.

    Without a password at stake a relay that nobody vouches for is still better than no encryption,
    which whoever sits in between could have forced anyway.
    """
    context = ssl.create_default_context()
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    if not known:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
