"""What nobody should send, by the kind of field: each value with what may become of it.

``NO``: it is refused at the field, and nothing is written. ``YES``: it is taken, and what is stored
is clean. ``EITHER``: one of the two, whatever the rest of the form says.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

NO: Final = "no"
YES: Final = "yes"
EITHER: Final = "either"

LONG: Final = "x" * 10_000
MARKUP: Final = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
HIDDEN: Final = "\u202e\u2066\u200b\u200d\ufeff\u00ad"  # bidi controls, zero-width, soft hyphen
BELLS: Final = "\x07\x08\x7f\x85"
CONTROLS: Final = f"\x1b[31m{BELLS}"
# A name that is a formula, a template, markup, three lines, a flood and all that hides, at once.
ODD: Final = (
    f'=1+1|{{{{7*7}}}}<script>alert(1)</script>"><img src=x onerror=a>{HIDDEN}{CONTROLS}'
    f"\r\nBcc: b@x.y\u2028e{chr(0x301) * 40}"
)
STRANGER: Final = "00000000-0000-7000-8000-00000000dead"


class Nasty(NamedTuple):
    """A value, and what may become of it."""

    value: str
    may: str = NO
    beside: str = ""  # the field that is told, where it is another


Values = Sequence[Nasty]


def _no(*values: str) -> Values:
    return tuple(map(Nasty, values))


def line(limit: int, *, needed: bool = True) -> Values:
    """One line of text: too much and what no database takes is refused, the rest is cleaned."""
    empty = NO if needed else YES
    return (
        *_no("x" * (limit + 1), LONG, "a\0b"),
        Nasty(f" \t{HIDDEN}{BELLS}", empty),
        Nasty(ODD, YES),
    )


NOTE: Final[Values] = line(500)
MAY_BE_EMPTY: Final[Values] = line(500, needed=False)
NAME: Final[Values] = line(200)
TERMS: Final[Values] = (*_no("x" * 50_001, "a\0b", HIDDEN), Nasty(f"One\r\n\r\n{ODD}", YES))
EMAIL: Final[Values] = _no(
    "nobody",
    "a@b@acme.example",
    "a@acme.example,b@evil.example",
    "Ada <ada@acme.example>",
    "a@acme.example\r\nBcc: b@evil.example",
    f"a{HIDDEN}@acme.example",
    "a\0@acme.example",
    f"{MARKUP}@acme.example",
    f"{'a' * 250}@acme.example",
    LONG,
)
NEEDED_EMAIL: Final[Values] = (*EMAIL, *_no("", " \u200b"))
EMAILS: Final[Values] = (*NEEDED_EMAIL, Nasty("\n".join(f"a{i}@acme.example" for i in range(101))))
DOMAINS: Final[Values] = _no(
    "",
    "acme",
    "https://acme.example/",
    "a@acme.example",
    "co.uk",
    f"ac{HIDDEN}me.example",
    "ac\0me.example",
    f"{MARKUP}.example",
    LONG,
    "\n".join(f"d{i}.example" for i in range(101)),
)
SLUG: Final[Values] = _no("", "-x", "Acme", "ä", "../x", "x" * 64, "a\0b", MARKUP, LONG)
DAY: Final[Values] = (
    *_no(
        "tomorrow",
        "2027-02-30",
        "0001-01-01",
        "9999-12-31",
        "2027-03-01T00:00:00Z",
        "2027-03-01\0",
        MARKUP,
        LONG,
    ),
    Nasty("20270301", EITHER),
)
NUMBER: Final[Values] = _no(
    "-1", "99999999", "9" * 40, "1e3", "1.5", "NaN", "0x10", "1_0", "٣", "1\0", MARKUP, LONG
)
ZONE: Final[Values] = _no(
    "", "Mars/Olympus", "../../etc/passwd", "localtime", "Europe/Berlin\0", MARKUP, LONG
)
CHOICE: Final[Values] = _no("None", STRANGER, "a\0b", MARKUP, LONG)
CHOICES: Final[Values] = CHOICE
TICK: Final[Values] = (Nasty(MARKUP, EITHER), Nasty("a\0b"))
URL: Final[Values] = _no(
    "",
    "javascript:alert(1)",
    "//evil.example/",
    "https://",
    "https://[::1",
    "https://a b.example/",
    "https://host.example:99999/",
    "https://user:secret@host.example/",
    "https://host.example/\0",
    MARKUP,
    "https://host.example/" + LONG,
)
ISSUER: Final[Values] = (
    *URL,
    *_no(
        "http://evil.example/",
        "https://login.microsoftonline.com/common/v2.0",
        "https://127.0.0.1:1/?a=b#c",
    ),
)
SECRET: Final[Values] = _no("", "a\nb", "a\0b", LONG, HIDDEN)
CLIENT_ID: Final[Values] = (*_no("", "x" * 256, "a\0b", HIDDEN), Nasty(MARKUP, YES))
PAIRS: Final[Values] = (
    *_no("x", "=y", "a=1\na=2", "a b=c", "a\0=b", LONG, "tid="),
    Nasty(f"tid={MARKUP}", EITHER),
)
CLAIM_MAP: Final[Values] = _no("x", "state=active", "email=", "name=a b", "a\0=b", MARKUP, LONG)
WORDS: Final[Values] = (
    *_no("a b", "ä", "a\0b", "x" * 256, "\n".join(f"w{i}" for i in range(21))),
    Nasty(MARKUP.replace(" ", ""), EITHER),
)
CLAIM: Final[Values] = _no("", "a b", "ä", "email", "a\0b", HIDDEN, LONG)
WHEN: Final[Values] = _no("", "x", "=y", "x=", "a b=c", "a\0=b", LONG)
# What a page put into its form and nobody types: bent, it is about something else than is shown.
SEEN: Final[Values] = _no("", "0", "a\0b", MARKUP, LONG)
# What stands in a part of an address, and in a parameter of its query.
PARTS: Final = (
    LONG,
    "\u202e\u200b",
    "%ff%fe",
    "..%2f..%2fetc",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    STRANGER,
)
PARAMETERS: Final = (
    LONG,
    "%ff%fe\u202e",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "9" * 40,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)


def is_clean(text: str) -> bool:
    """Say whether a stored text has nothing in it that hides, moves or rings."""
    return not any(
        char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        for char in text
    )
