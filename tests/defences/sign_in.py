"""Part 1: the conversation with an identity provider."""

from typing import Final

from tests.defences.defence import Defence

TOKEN: Final = "portal/sign_in/rules/token.py"
CALLBACK: Final = "portal/sign_in/rules/callback.py"
DISCOVERY: Final = "portal/sign_in/rules/discovery.py"
PERSON: Final = "portal/sign_in/rules/person.py"
QUERIES: Final = "portal/sign_in/queries.py"
KEYS: Final = "portal/sign_in/keys.py"
CASES: Final = "tests/sign_in/test_o_cases.py"
JOURNEY: Final = "tests/sign_in/test_journey.py"
REFUSALS: Final = "tests/flows/test_refusals.py"

DEFENCES: Final = (
    Defence(
        case="O01",
        file=TOKEN,
        old='if claims.get("iss") != expected.issuer:',
        new='if claims.get("iss") is None:',
        tests=(f"{CASES}::test_o01_another_issuer",),
    ),
    Defence(
        case="O02",
        file=DISCOVERY,
        old="    if named != issuer:",
        new='    if str(named).rstrip("/").lower() != issuer.rstrip("/").lower():',
        tests=(
            f"{CASES}::test_o02_metadata_names_another_issuer[slash]",
            f"{CASES}::test_o02_metadata_names_another_issuer[case]",
        ),
    ),
    Defence(
        case="O02",
        file=DISCOVERY,
        old='    named = document.get("issuer")\n',
        new='    named = document.get("issuer", issuer)\n',
        tests=(f"{CASES}::test_o02_metadata_names_another_issuer[none]",),
    ),
    Defence(
        case="O03",
        file=TOKEN,
        old="if not audiences or any(one != expected.client_id for one in audiences):",
        new='if expected.client_id not in (*audiences, claims.get("azp")):',
        tests=(
            f"{CASES}::test_o03_audience[azp is ours]",
            f"{CASES}::test_o03_audience[one more]",
            f"{CASES}::test_o03_audience[one more, azp]",
        ),
    ),
    Defence(
        case="O03",
        file=TOKEN,
        old='if "azp" in claims and claims["azp"] != expected.client_id:',
        new="if False:",
        tests=(f"{CASES}::test_o03_audience[azp is another]",),
    ),
    Defence(
        case="O05",
        file=TOKEN,
        old="if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:",
        new="if not isinstance(algorithm, str):",
        tests=(f"{CASES}::test_o05_no_signature[none]", f"{CASES}::test_o05_no_signature[nOnE]"),
    ),
    Defence(
        case="O07",
        file=TOKEN,
        old="if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:",
        new='if algorithm not in {*ALGORITHMS, "HS256"}:',
        tests=(
            f"{CASES}::test_o07_symmetric_signature[pem]",
            f"{CASES}::test_o07_symmetric_signature[secret]",
            f"{CASES}::test_o07_symmetric_signature[empty]",
        ),
    ),
    Defence(
        case="O08",
        file="portal/sign_in/metadata.py",
        old="        newer = self._newer(connection, known.fetched_at)",
        new="        newer = None",
        tests=(f"{CASES}::test_o08_a_new_key", f"{CASES}::test_o08_a_new_kind_of_key"),
    ),
    Defence(
        case="O11",
        file="portal/sign_in/shelved.py",
        old="FETCHES: Final = 4",
        new="FETCHES: Final = 400",
        tests=(
            f"{CASES}::test_o11_bad_tokens_make_few_fetches[lie0]",
            "tests/sign_in/test_metadata.py::test_o11_all_processes_together[sqlite]",
        ),
    ),
    Defence(
        case="O12",
        file=TOKEN,
        old='    nonce = claims.get("nonce")\n',
        new='    nonce = claims.get("nonce", expected.nonce)\n',
        tests=(f"{CASES}::test_o12_nonce",),
    ),
    Defence(
        case="O12",
        file=TOKEN,
        old='if not compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):',
        new="if not nonce:",
        tests=(
            f"{CASES}::test_o12_nonce[of-another-session]",
            f"{CASES}::test_o12_nonce_of_another_session",
        ),
    ),
    Defence(
        case="O13",
        file=QUERIES,
        old="if browser_secret is None or not compare_digest(kept.browser_hash, hash_token(browser_secret)):",
        new="if False:",
        tests=(f"{JOURNEY}::test_o13_state_of_another_browser[sqlite]",),
    ),
    Defence(
        case="O13",
        file=QUERIES,
        old="    if kept.used_at is not None:",
        new="    if False:",
        tests=(f"{JOURNEY}::test_o13_state_reused[sqlite]",),
    ),
    Defence(
        case="O13",
        file=QUERIES,
        old="    if kept.expires_at <= at:",
        new="    if False:",
        tests=(f"{JOURNEY}::test_o13_state_too_old[sqlite]",),
    ),
    Defence(
        case="O14",
        file=CALLBACK,
        old="if answer.issuer is not None and answer.issuer != issuer:",
        new="if False:",
        tests=(
            f"{CASES}::test_o14_the_answer_of_another_issuer",
            f"{CASES}::test_o14_an_error_of_another_issuer",
        ),
    ),
    Defence(
        case="O14",
        file=CALLBACK,
        old="if answer.issuer is None and iss_promised:",
        new="if False:",
        tests=(f"{CASES}::test_o14_an_issuer_that_was_promised",),
    ),
    Defence(
        case="O14",
        file=QUERIES,
        old="    if kept.identity_provider_id != identity_provider_id:",
        new="    if False:",
        tests=(f"{JOURNEY}::test_o14_answer_at_another_providers_address[sqlite]",),
    ),
    Defence(
        case="O14",
        file=QUERIES,
        old="    if kept.identity_provider_id != identity_provider_id:",
        new="    if kept.identity_provider_id and kept.identity_provider_id != identity_provider_id:",
        tests=(
            "tests/flows/test_staff_sign_in.py::test_o14_an_answer_at_the_other_entrance[/staff/sign-in-sqlite]",
        ),
    ),
    Defence(
        case="O14",
        file="portal/sign_in/changes/attempts.py",
        old="            SignInAttempt.identity_provider_id == identity_provider_id,\n",
        new='            SignInAttempt.identity_provider_id == identity_provider_id,\n            SignInAttempt.purpose == "sign_in",\n',
        tests=(
            "tests/flows/test_meanwhile.py::test_o14_a_test_that_was_begun_at_another_issuer_is_over[sqlite]",
        ),
    ),
    Defence(
        case="O16",
        file="portal/sign_in/changes/attempts.py",
        old='    if tx.execute(_USE_UP, {"attempt": attempt_id, "at": at}).rowcount != 1:',
        new="    if False:",
        tests=(f"{JOURNEY}::test_o16_double_click[sqlite-lax]",),
    ),
    Defence(
        case="O16",
        file=CALLBACK,
        old='    if error == "invalid_grant":',
        new="    if False:",
        tests=(f"{CASES}::test_o16_a_code_twice",),
    ),
    Defence(
        case="O17",
        file=TOKEN,
        old="    if expires + SKEW <= now:",
        new="    if False:",
        tests=(f"{CASES}::test_o17_times[expired 6 min ago]",),
    ),
    Defence(
        case="O17",
        file=TOKEN,
        old="    if issued - SKEW > now:",
        new="    if False:",
        tests=(f"{CASES}::test_o17_times[issued in 10 min]",),
    ),
    Defence(
        case="O17",
        file=TOKEN,
        old="    if isinstance(value, bool) or not isinstance(value, (int, float)):",
        new="    if isinstance(value, bool) or value is None or isinstance(value, list):",
        tests=(f"{CASES}::test_o17_times[exp as text]",),
    ),
    Defence(
        case="O17",
        file=TOKEN,
        old="SKEW: Final = 60",
        new="SKEW: Final = 0",
        tests=(f"{CASES}::test_o17_clocks_may_differ_by_a_minute",),
    ),
    Defence(
        case="O19",
        file=TOKEN,
        old="    return value.isprintable() and not value.isspace()",
        new="    return not value.isspace()",
        tests=(f"{CASES}::test_o19_subject",),
    ),
    Defence(
        case="O19",
        file=TOKEN,
        old="    return value.isprintable() and not value.isspace()",
        new="    return value.isprintable()",
        tests=(f"{CASES}::test_o19_subject",),
    ),
    Defence(
        case="O21",
        file=TOKEN,
        old='if not isinstance(userinfo.get("sub"), str) or userinfo["sub"] != subject:',
        new="if False:",
        tests=(f"{CASES}::test_o21_userinfo_of_somebody_else",),
    ),
    Defence(
        case="O21",
        file=PERSON,
        old="more = {name: value for name, value in userinfo.items() if name not in _OF_THE_TOKEN}",
        new="more = dict(userinfo)",
        tests=(f"{CASES}::test_o21_userinfo_may_not_speak_for_the_token",),
    ),
    Defence(
        case="O22",
        file=TOKEN,
        old="    if not isinstance(token, str) or not token:",
        new="    if isinstance(token, str) and not token:",
        tests=(f"{CASES}::test_o22_no_id_token",),
    ),
    Defence(
        case="O24",
        file="portal/sign_in/rules/tenant.py",
        old="if not isinstance(tid, str) or {tid.lower()} != tenants:",
        new="if False:",
        tests=(
            f"{CASES}::test_o24_another_tenant",
            f"{CASES}::test_o24_pinned_tenant_of_a_shared_issuer",
        ),
    ),
    Defence(
        case="O24",
        file="portal/trust/rules/issuer.py",
        old="    if tenant is None:",
        new="    if False:",
        tests=("tests/trust/test_issuer_rules.py::test_f01_o24_what_no_issuer_can_be_is_refused",),
    ),
)
