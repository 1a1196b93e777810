"""Part 11: what people and partners write."""

from typing import Final

from tests.defences.defence import Defence

TEXT: Final = "portal/foundation/text.py"
TESTS: Final = "tests/foundation/test_text.py"
SECURITY: Final = "portal/web/security.py"
REFUSALS: Final = "tests/flows/test_refusals.py"

DEFENCES: Final = (
    Defence(
        case="N01",
        file=SECURITY,
        old="        MAX_CONTENT_LENGTH=MOST_BODY,\n        MAX_FORM_MEMORY_SIZE=MOST_BODY,\n",
        new="        MAX_FORM_MEMORY_SIZE=None,\n",
        tests=("tests/web/test_security.py::test_n01_a_large_body_is_refused",),
    ),
    Defence(
        case="N01",
        file=SECURITY,
        old='if request.method == "POST" and sum(1 for _ in request.form.items(multi=True)) > MOST_FIELDS:',
        new="if False:",
        tests=("tests/web/test_security.py::test_n01_a_large_body_is_refused",),
    ),
    Defence(
        case="N01",
        file=TEXT,
        old="    if len(canonical.encode()) > EMAIL_LIMIT or len(checked.local_part.encode()) > LOCAL_LIMIT:",
        new="    if False:",
        tests=(f"{TESTS}::test_n01_a_long_address_is_refused",),
    ),
    Defence(
        case="N01",
        file=TEXT,
        old="    if len(text) > limit:",
        new="    if False:",
        tests=(f"{TESTS}::test_n01_a_long_name_is_refused",),
    ),
    Defence(
        case="N02",
        file=TEXT,
        old='if char == "\\0" or category == "Cs":',
        new="if False:",
        tests=(f"{TESTS}::test_n02_nul_is_refused",),
    ),
    Defence(
        case="N02",
        file=SECURITY,
        old='    if "\\0" in request.path or ',
        new="    if ",
        tests=("tests/web/test_security.py::test_n02_nul_in_an_address_is_refused[/form%00]",),
    ),
    Defence(
        case="N03",
        file=TEXT,
        old="            if marks <= MOST_IN_A_ROW:",
        new="            if True:",
        tests=(f"{TESTS}::test_n03_a_flood_of_marks_is_never_sorted",),
    ),
    Defence(
        case="N03",
        file=TEXT,
        old='elif category not in {"Cc", "Cf"} and',
        new="elif",
        tests=(
            f"{TESTS}::test_n03_floods_and_hidden_characters_are_stripped",
            "tests/web/test_forms.py::test_n03_hidden_characters_do_not_come_in",
        ),
    ),
    Defence(
        case="N03",
        file=TEXT,
        old="        if marks <= MOST_MARKS:",
        new="        if True:",
        tests=(f"{TESTS}::test_n03_floods_and_hidden_characters_are_stripped",),
    ),
    Defence(
        case="N03",
        file=TEXT,
        old=" and not _UNSEEN.match(char):",
        new=":",
        tests=(f"{TESTS}::test_n03_n05_what_is_drawn_as_nothing_makes_no_second_address",),
    ),
    Defence(
        case="N03",
        file=TEXT,
        old="marks = MOST_MARKS if char.isspace() else 0",
        new="marks = 0",
        tests=(f"{TESTS}::test_n03_a_name_is_more_than_marks",),
    ),
    Defence(
        case="N05",
        file=TEXT,
        old="if bad or _UNSEEN_OR_FORM.search(text):",
        new="if bad:",
        tests=(f"{TESTS}::test_n03_n05_what_is_drawn_as_nothing_makes_no_second_address",),
    ),
    Defence(
        case="N05",
        file=TEXT,
        old='domain.endswith(".") or folds:',
        new='domain.endswith("."):',
        tests=(f"{TESTS}::test_n05_a_letter_that_folds_to_ascii_makes_no_second_address",),
    ),
    Defence(
        case="N05",
        file=TEXT,
        old='folded = not label.isascii() and not encoded.startswith("xn--")',
        new="folded = False",
        tests=(f"{TESTS}::test_n05_a_letter_that_folds_to_ascii_is_refused",),
    ),
    Defence(
        case="N05",
        file=TEXT,
        old="            _lower(label), uts46=True",
        new='            _lower(label.replace("\\u0430", "a")), uts46=True',
        tests=(f"{TESTS}::test_n05_a_homograph_is_another_domain",),
    ),
    Defence(
        case="N07",
        file=TEXT,
        old='return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())',
        new="return text",
        tests=(f"{REFUSALS}::test_n07_two_spellings_of_an_address_are_one[sqlite]",),
    ),
    Defence(
        case="N07",
        file=TEXT,
        old='return _few_marks(unicodedata.normalize("NFC", "".join(kept)))',
        new='return _few_marks("".join(kept))',
        tests=(f"{TESTS}::test_n07_nfc_and_nfd_are_one",),
    ),
    Defence(
        case="N08",
        file=TEXT,
        old='    local, at, domain = text.rpartition("@")\n',
        new='    from email.utils import parseaddr\n\n    text = parseaddr(text)[1]\n    local, at, domain = text.rpartition("@")\n',
        tests=(f"{TESTS}::test_n08_only_one_bare_address_is_one",),
    ),
    Defence(
        case="N10",
        file=TEXT,
        old='    canonical = f"{checked.local_part}@{domain}"',
        new="    canonical = f\"{checked.local_part.partition('+')[0]}@{domain}\"",
        tests=(
            f"{REFUSALS}::test_n10_an_address_with_a_plus_is_another_address_of_the_same_person[sqlite]",
        ),
    ),
    Defence(
        case="N10",
        file="portal/admission/rules.py",
        old="Refusal.TOMBSTONE: known is None or not known.tombstone,",
        new="Refusal.TOMBSTONE: True,",
        tests=(
            f"{REFUSALS}::test_n10_an_address_with_a_plus_is_another_address_of_the_same_person[sqlite]",
        ),
    ),
    Defence(
        case="N11",
        file=TEXT,
        old='return _UNMARKED.sub("\'", text)',
        new="return text",
        tests=(f"{TESTS}::test_n11_a_cell_is_harmless_and_comes_back",),
    ),
    Defence(
        case="N11",
        file=TEXT,
        old="(?=[\\s'\\\"]*?[=",
        new='(?=[\\s\\"]*?[=',
        tests=("tests/properties/test_text.py::test_n11_no_cell_is_a_formula_and_all_come_back",),
    ),
    Defence(
        case="N11",
        file=TEXT,
        old="|(?<=[;\\t\\r\\n]))",
        new=")",
        tests=(f"{TESTS}::test_n11_no_formula_behind_a_semicolon",),
    ),
    Defence(
        case="N13",
        file=TEXT,
        old='bad = any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text)',
        new="bad = False",
        tests=(f"{TESTS}::test_n13_no_control_character_in_an_address",),
    ),
    Defence(
        case="N13",
        file=TEXT,
        old='return _within(limit, " ".join(_clean(text, keep="").split()))',
        new='return _within(limit, _clean(text, keep="\\r\\n"))',
        tests=(
            f"{TESTS}::test_n13_line_breaks_in_a_name_become_a_space",
            "tests/web/test_forms.py::test_n13_a_name_is_one_line",
        ),
    ),
    Defence(
        case="N13",
        file="portal/delivery/mail.py",
        old="    if not is_one_address(message.to):",
        new="    if False:",
        tests=("tests/delivery/test_mail.py::test_n13_a_recipient_is_one_address",),
    ),
    Defence(
        case="N13",
        file="portal/delivery/words.py",
        old=".translate(_MARKS)",
        new="",
        tests=("tests/delivery/test_words.py::test_n13_nobody_ends_the_quotation_of_their_words",),
    ),
    Defence(
        case="N14",
        file="portal/delivery/mail.py",
        old='autoescape=select_autoescape(enabled_extensions=("html",), default=False),',
        new="autoescape=False,",
        tests=(
            "tests/delivery/test_mail.py::test_n13_n14_a_hostile_name_stays_a_name",
            "tests/delivery/test_mail.py::test_n13_n14_a_hostile_organisation",
        ),
    ),
    Defence(
        case="N14",
        file="portal/delivery/words.py",
        old="_LINK_LIKE.sub(_JOINT, one_line(text or ''))",
        new="one_line(text or '')",
        tests=("tests/delivery/test_mail.py::test_n13_n14_a_hostile_name_stays_a_name",),
    ),
    Defence(
        case="N14",
        file="portal/sign_in/rules/callback.py",
        old='    shown = error if _ERROR.fullmatch(error) else "an error code that is none"\n',
        new="    shown = error\n",
        tests=(
            "tests/sign_in/test_rules_answers.py::test_n14_an_error_is_a_code_or_is_not_repeated",
        ),
    ),
)
