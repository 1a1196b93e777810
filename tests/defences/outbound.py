"""Part 7: what is fetched because a partner said so."""

from typing import Final

from tests.defences.defence import Defence

ADDRESSES: Final = "portal/foundation/addresses.py"
HTTP: Final = "portal/foundation/outbound_http.py"
FETCHES: Final = "tests/foundation/test_outbound_http.py"
METADATA: Final = "tests/sign_in/test_metadata.py"
CASES: Final = "tests/sign_in/test_o_cases.py"

DEFENCES: Final = (
    Defence(
        case="F01",
        file=ADDRESSES,
        old="if _nowhere(address) or not (_is_public(address) or private):",
        new="if False:",
        tests=(
            f"{FETCHES}::test_f01_a_name_that_leads_inside_is_refused_at_each_fetch",
            f"{FETCHES}::test_f01_nothing_is_fetched_from_inside",
            f"{METADATA}::test_f01_addresses_inside",
        ),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old='if not parts.hostname or "@" in parts.netloc:',
        new="if not parts.hostname:",
        tests=(
            f"{FETCHES}::test_f01_it_is_refused_when_it_is_configured[https://user@login.acme.example/]",
        ),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old="        address not in _INTERNET or ",
        new="        ",
        tests=(f"{FETCHES}::test_f01_it_is_refused_when_it_is_configured[https://[fec0::8]/]",),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old="    return address.is_global and not address.is_reserved and not set_aside",
        new="    return address.is_global and not address.is_reserved",
        tests=(f"{FETCHES}::test_f01_it_is_refused_when_it_is_configured[https://192.88.99.1/]",),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old="    return reserved or address in _METADATA",
        new="    return reserved",
        tests=(
            f"{FETCHES}::test_f01_it_is_refused_when_it_is_configured[https://168.63.129.16/]",
            f"{FETCHES}::test_f01_metadata_services_stay_shut_for_everybody[fd00:ec2::254]",
        ),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old="        if address in _NAT64:",
        new="        if False:",
        tests=(
            f"{FETCHES}::test_f01_metadata_services_stay_shut_for_everybody[64:ff9b::a9fe:a9fe]",
        ),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old="if literal is None and not _NAME.fullmatch(host):",
        new="if False:",
        tests=(f"{FETCHES}::test_f01_it_is_refused_when_it_is_configured[https://127.1/]",),
    ),
    Defence(
        case="F01",
        file=ADDRESSES,
        old="            if port not in USUAL_PORTS:",
        new="            if False:",
        tests=(
            f"{FETCHES}::test_f01_it_is_refused_when_it_is_configured[https://login.acme.example:6379/]",
        ),
    ),
    Defence(
        case="F01",
        file="portal/trust/rules/issuer.py",
        old="        _require_public(host)\n",
        new="        pass\n",
        tests=("tests/trust/test_issuer_rules.py::test_f01_o24_what_no_issuer_can_be_is_refused",),
    ),
    Defence(
        case="F01",
        file="portal/trust/rules/issuer.py",
        old="Rules(house.private_hosts, development=house.development).target(issuer, Owner.PARTNER)",
        new="pass",
        tests=("tests/trust/test_issuer_rules.py::test_f01_o24_what_no_issuer_can_be_is_refused",),
    ),
    Defence(
        case="F03",
        file=HTTP,
        old="    if response.status in _REDIRECTS:",
        new="    if False:",
        tests=(f"{FETCHES}::test_f03_redirects_are_not_followed",),
    ),
    Defence(
        case="F06",
        file="portal/sign_in/bulkhead.py",
        old="        return len(others) < MOST_AT_ONCE",
        new="        return True",
        tests=(
            "tests/sign_in/test_bulkhead.py::test_f06_many_at_the_same_moment_leave_threads_to_others",
        ),
    ),
    Defence(
        case="F06",
        file="portal/sign_in/bulkhead.py",
        old="self._lock.wait(min(left, LOOK_AGAIN))",
        new="if not self._lock.wait(left):\n                    raise _others_wait()",
        tests=(
            "tests/sign_in/test_bulkhead.py::test_f06_who_waits_looks_again_though_nobody_leaves",
        ),
    ),
    Defence(
        case="F06",
        file=HTTP,
        old="if raw_size > MOST_BYTES or len(body) > MOST_BYTES:",
        new="if False:",
        tests=(
            f"{FETCHES}::test_f06_an_answer_outside_the_limits[2 MB]",
            f"{FETCHES}::test_f06_an_answer_outside_the_limits[10k keys]",
        ),
    ),
    Defence(
        case="F06",
        file=HTTP,
        old="            body += decoder.decompress(piece, room) if decoder else piece\n",
        new="            body += decoder.decompress(piece) if decoder else piece\n            assert len(body) < 10_000_000\n",
        tests=(f"{FETCHES}::test_f06_an_answer_outside_the_limits[gzip bomb]",),
    ),
    Defence(
        case="F06",
        file=HTTP,
        old="call.deadline = time.monotonic() + MOST_SECONDS",
        new="call.deadline = time.monotonic() + 60",
        tests=(
            f"{FETCHES}::test_f06_a_server_that_drips[body]",
            f"{FETCHES}::test_f06_a_resolver_that_hangs",
        ),
    ),
    Defence(
        case="F06",
        file=HTTP,
        old="if not place.acquire(timeout=MOST_WAIT):",
        new="if place.acquire(timeout=MOST_WAIT) is None:",
        tests=(f"{FETCHES}::test_f06_one_slow_provider_does_not_take_all_places",),
    ),
    Defence(
        case="F06",
        file="portal/sign_in/keys.py",
        old="    if len(listed) > MOST_KEYS:",
        new="    if False:",
        tests=(f"{METADATA}::test_f06_ten_thousand_keys",),
    ),
    Defence(
        case="F06",
        file="portal/sign_in/bulkhead.py",
        old="if slow >= MOST_SLOW or (mistrusted and len(others) >= MOST_MISTRUSTED):",
        new="if False:",
        tests=(f"{METADATA}::test_f06_a_slow_provider_holds_nobody_else[slow 30]",),
    ),
    Defence(
        case="F08",
        file="portal/sign_in/keys.py",
        old="        fitting = self.fitting(header)\n",
        new='        brought = read_keys({"keys": [header.get("jwk")]})\n        fitting = [*self.fitting(header), *getattr(brought, "keys", ())]\n',
        tests=(f"{CASES}::test_f08_signed_by_somebody_else[jwk-in-header]",),
    ),
    Defence(
        case="F09",
        file=HTTP,
        old="    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        new="    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE\n",
        tests=(f"{FETCHES}::test_f09_certificates_are_verified",),
    ),
)
