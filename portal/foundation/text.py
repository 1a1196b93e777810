"""One canonical form for what people type and what identity providers claim.

Every address, domain and name passes through here once, whether it came in a claim, a form, a
command or a file: two spellings of one thing must never make two people, and a look-alike must
never make one of two. `email.utils.parseaddr` is no validator: it reads the first of two addresses.
"""

import json
import re
import unicodedata
from functools import lru_cache
from typing import Final

import idna
from email_validator import EmailNotValidError, validate_email

from portal.foundation.refused import Refused

EMAIL_LIMIT: Final = 254  # RFC 5321, 4.5.3.1.3: a path of 256 less its angle brackets
LOCAL_LIMIT: Final = 64  # RFC 5321, 4.5.3.1.1, in octets
DOMAIN_LIMIT: Final = 253  # RFC 1035, 3.1, as text
MOST_MARKS: Final = 4  # combining marks on one letter; no living script needs more
MOST_IN_A_ROW: Final = 30  # that are brought into their order: it takes time as their square

_EMAIL_HELP = "Enter an e-mail address, like name@example.com"
_DOMAIN_HELP = "Enter a domain name, like example.com"
_BREAKS = {"\t", "\n", "\v", "\f", "\r", "\x85", "\u2028", "\u2029"}
# Drawn as nothing (Unicode's Default_Ignorable_Code_Point, and a blank of Braille), but neither
# controls nor formats; and what chooses the form of the letter before it.
_NOTHING: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_FORMS: Final = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_UNSEEN: Final = re.compile(f"[{_NOTHING}]")
_UNSEEN_OR_FORM: Final = re.compile(f"[{_NOTHING}{_FORMS}]")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# A cell begins where the text does, and for spreadsheets of other countries behind a semicolon,
# where a quotation mark only opens it.
_BEGINS: Final = r"(?:^|(?<=[;\t\r\n]))"
_FORMULA: Final = r"(?=[\s'\"]*?[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
_UNMARKED: Final = re.compile(_BEGINS + _FORMULA)


class BadText(ValueError):
    """A text that cannot be what it should be.

    Attributes:
        code: for the audit, ``input.char``, ``input.length``, ``input.email`` or ``input.field``.
        message: for the person, says what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def canonical_email(text: str) -> str:
    """Return the one form of an e-mail address: NFC, lower case, the domain as xn-- where due.

    Exactly one bare address: no display name, no comment, no quoted local part, no address literal.

    Raises:
        BadText: ``input.length``, ``input.char`` or ``input.email``.
    """
    text = text.strip(" ")
    if len(text) > EMAIL_LIMIT:
        raise BadText("input.length", f"An e-mail address has {EMAIL_LIMIT} characters at most")
    require_printable(text)
    local, at, domain = text.rpartition("@")
    # Full width, bold, a ligature: the address without would be taken for this one.
    folds = unicodedata.normalize("NFKC", local) != unicodedata.normalize("NFC", local)
    if not at or text.count("@") != 1 or domain.endswith(".") or folds:
        raise BadText("input.email", _EMAIL_HELP)
    try:
        domain = canonical_domain(domain)
        # The domain is checked above; the library would refuse .local and .test, which are a
        # matter of trust and not of spelling. Lower-cased before: what is checked is what is kept.
        checked = validate_email(
            f"{_lower(local)}@example.com",
            check_deliverability=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
        )
    except (EmailNotValidError, BadText) as fault:
        raise BadText("input.email", _EMAIL_HELP) from fault
    canonical = f"{checked.local_part}@{domain}"
    if len(canonical.encode()) > EMAIL_LIMIT or len(checked.local_part.encode()) > LOCAL_LIMIT:
        raise BadText("input.length", f"An e-mail address has {EMAIL_LIMIT} characters at most")
    return canonical


def canonical_domain(text: str) -> str:
    """Return the one form of a domain name: lower case, each label as xn-- where it is not ASCII.

    A letter that merely looks like an ASCII one after Unicode mapping (full width, circled, Kelvin
    sign) is refused instead of folded: nobody writes a domain so who means well.

    Raises:
        BadText: ``input.length``, ``input.char`` or ``input.field``.
    """
    text = text.strip(" ").removesuffix(".")
    if len(text) > DOMAIN_LIMIT:
        raise BadText("input.length", f"A domain name has {DOMAIN_LIMIT} characters at most")
    require_printable(text)
    labels = [_canonical_label(label) for label in text.split(".")]
    domain = ".".join(labels)
    if len(labels) < 2 or labels[-1].isdigit():  # noqa: PLR2004 - a host alone is no domain
        raise BadText("input.field", _DOMAIN_HELP)
    if len(domain) > DOMAIN_LIMIT:
        raise BadText("input.length", f"A domain name has {DOMAIN_LIMIT} characters at most")
    return domain


@lru_cache(maxsize=1024)  # the same few at every sign-in; of 253 characters at most
def _canonical_label(label: str) -> str:
    try:
        encoded = idna.encode(
            _lower(label), uts46=True, std3_rules=True, transitional=False
        ).decode()
    except (idna.IDNAError, UnicodeError) as fault:
        raise BadText("input.field", _DOMAIN_HELP) from fault
    folded = not label.isascii() and not encoded.startswith("xn--")
    if folded or not _LABEL.fullmatch(encoded):
        raise BadText("input.field", _DOMAIN_HELP)
    return encoded


def domain_of(email: str) -> str:
    """Return the domain of an address that `canonical_email` returned."""
    return email.rpartition("@")[2]


def clean_name(text: str, limit: int) -> str:
    """Return a name, or any other text of one line, fit to be stored and shown beside others.

    NFC; line breaks and runs of white space become one space; controls, bidi controls, zero-width
    and unseen characters are removed; so are marks on no letter, and a flood of them on one.

    Args:
        text: as claimed or typed.
        limit: most characters of the result.

    Raises:
        BadText: ``input.char`` (NUL or half a surrogate pair, which no database takes) or
            ``input.length``.
    """
    return _within(limit, " ".join(_clean(text, keep="").split()))


def clean_lines(text: str, limit: int) -> str:
    """Return a text of several lines, cleaned as `clean_name` does, its line breaks kept as LF.

    Raises:
        BadText: as `clean_name`.
    """
    lines = _clean(text.replace("\r\n", "\n"), keep="\n").split("\n")
    return _within(limit, "\n".join(" ".join(line.split()) for line in lines).strip("\n"))


def require_printable(text: str) -> None:
    """Refuse a text with control, bidi, zero-width, unseen or unpaired surrogate characters.

    Raises:
        BadText: ``input.char``.
    """
    bad = any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text)
    if bad or _UNSEEN_OR_FORM.search(text):
        raise BadText("input.char", "Remove the invisible characters and type it again")


def csv_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; quotes in front come off again."""
    return _UNMARKED.sub("'", text)


def check_name(field: str, text: str, limit: int = 200) -> str:
    """Return a name of one line, cleaned.

    Raises:
        Refused: empty or too long.
    """
    try:
        name = clean_name(text, limit)
    except BadText as bad:
        raise Refused(field, bad.message) from None
    if not name:
        raise Refused(field, f"Enter the {field.replace('_', ' ')}")
    return name


_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical_json(value: object) -> str:
    """Return the one JSON text of *value*: sorted keys, no white space (RFC 8785 in spirit)."""
    return _CANONICAL.encode(value)


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def _clean(text: str, *, keep: str) -> str:
    kept, marks = [], 0
    for char in text:
        category = unicodedata.category(char)
        if char == "\0" or category == "Cs":
            raise BadText("input.char", "Remove the characters that cannot be shown")
        if char in keep:
            kept.append(char)
        elif char in _BREAKS:
            kept.append(" ")
        elif category not in {"Cc", "Cf"} and not _UNSEEN.match(char):
            marks = marks + 1 if category[0] == "M" else 0
            if marks <= MOST_IN_A_ROW:
                kept.append(char)
    return _few_marks(unicodedata.normalize("NFC", "".join(kept)))


def _few_marks(text: str) -> str:
    kept, marks = [], MOST_MARKS
    for char in text:
        if unicodedata.category(char) in {"Mn", "Me"}:
            marks += 1
        else:
            marks = MOST_MARKS if char.isspace() else 0
        if marks <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _within(limit: int, text: str) -> str:
    if len(text) > limit:
        raise BadText("input.length", f"Use {limit} characters or fewer")
    return text
