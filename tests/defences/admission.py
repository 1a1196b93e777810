"""Part 3: who may come in, and who they are."""

from typing import Final

from tests.defences.defence import Defence

RULES: Final = "portal/admission/rules.py"
ARRIVING: Final = "portal/admission/changes/arriving.py"
REFUSING: Final = "portal/admission/changes/refusing.py"
REFRESHING: Final = "portal/admission/changes/refreshing.py"
PERSON: Final = "portal/sign_in/rules/person.py"
CHANGES: Final = "tests/admission/test_changes.py"
ADDRESSES: Final = "tests/admission/test_addresses.py"
AWAY: Final = "tests/admission/test_turned_away.py"
DOOR: Final = "tests/flows/test_door.py"
DISCOVERY: Final = "tests/flows/test_discovery.py"
RACES: Final = "tests/admission/test_races.py"

DEFENCES: Final = (
    Defence(
        case="A01",
        file=PERSON,
        old="profile=MappingProxyType({name: text for name, text in fields.items() if text}),",
        new="profile=MappingProxyType({name: str(one) for name, one in claims.items()}),",
        tests=("tests/flows/test_refusals.py::test_a01_only_what_is_mapped_is_kept[sqlite]",),
    ),
    Defence(
        case="A01",
        file=RULES,
        old="return Decision(Outcome.ARRIVE if arriving else Outcome.SIGN_IN)",
        new="return Decision(Outcome.SIGN_IN)",
        tests=(f"{CHANGES}::test_a01_a_first_sign_in[sqlite]",),
    ),
    Defence(
        case="A02",
        file=RULES,
        old="Refusal.EMAIL_CONFLICT: not arriving or not facts.address_taken,",
        new="Refusal.EMAIL_CONFLICT: True,",
        tests=(
            f"{ADDRESSES}::test_a02_an_address_never_links[sqlite]",
            f"{DOOR}::test_a02_an_address_of_another_guest_is_a_conflict[sqlite]",
        ),
    ),
    Defence(
        case="A02",
        file=REFUSING,
        old="    if Refusal.EMAIL_CONFLICT in decision.reasons:",
        new="    if False:",
        tests=(f"{ADDRESSES}::test_a02_an_address_never_links[sqlite]",),
    ),
    Defence(
        case="A03",
        file=RULES,
        old="        return now < facts.aside_until",
        new="        return True",
        tests=(f"{ADDRESSES}::test_a03_a_rebrand_locks_nobody_out[sqlite-verified]",),
    ),
    Defence(
        case="A03",
        file="portal/access/rules.py",
        old="Against.ADDRESS: facts.aside_until is None or now < facts.aside_until,",
        new="Against.ADDRESS: True,",
        tests=(f"{ADDRESSES}::test_a03_a_rebrand_locks_nobody_out[sqlite-verified]",),
    ),
    Defence(
        case="A03",
        file=RULES,
        old="    return facts.address_grace\n",
        new="    return True\n",
        tests=(f"{ADDRESSES}::test_a03_no_grace_at_all[sqlite]",),
    ),
    Defence(
        case="A05",
        file=RULES,
        old="Refusal.HOST_DOMAIN: not _is_host_address(identity, facts),",
        new="Refusal.HOST_DOMAIN: True,",
        tests=(
            f"{ADDRESSES}::test_a05_nobody_comes_in_as_the_host[sqlite]",
            f"{DOOR}::test_a05_the_hosts_own_domain_is_refused[sqlite]",
        ),
    ),
    Defence(
        case="A05",
        file=RULES,
        old="return facts.address_of_staff or domain_in(identity.email, facts.host_domains)",
        new="return domain_in(identity.email, facts.host_domains)",
        tests=(f"{ADDRESSES}::test_a05_nobody_comes_in_as_the_host[sqlite]",),
    ),
    Defence(
        case="A08",
        file=RULES,
        old="    return identity.email_verified or (\n",
        new="    return True or (\n",
        tests=(
            f"{ADDRESSES}::test_a08_an_address_must_be_good_enough[sqlite]",
            f"{DOOR}::test_a08_an_unverified_address_is_refused",
        ),
    ),
    Defence(
        case="A08",
        file=PERSON,
        old='claims["email_verified"] is True',
        new='bool(claims["email_verified"])',
        tests=(
            f"{DOOR}::test_a08_an_unverified_address_is_refused[sqlite-false]",
            "tests/sign_in/test_rules.py::test_a08_email_verified[text]",
        ),
    ),
    Defence(
        case="A08",
        file=PERSON,
        old='token.get("xms_edov") in (True, "1", "true")',
        new="True",
        tests=("tests/sign_in/test_rules.py::test_a08_email_verified[xms_edov false]",),
    ),
    Defence(
        case="A08",
        file=PERSON,
        old="for claims in (token, userinfo)",
        new="for claims in (userinfo, token)",
        tests=(
            "tests/sign_in/test_rules.py::test_a08_email_verified[false, and true in UserInfo]",
        ),
    ),
    Defence(
        case="A10",
        file=RULES,
        old='return email is not None and email.rpartition("@")[2] in domains',
        new="return email is not None and any(one in email for one in domains)",
        tests=(
            f"{ADDRESSES}::test_a10_domains_are_compared_exactly[sqlite-a@acme.example.evil.org]",
            f"{ADDRESSES}::test_a10_domains_are_compared_exactly[sqlite-a@evilacme.example]",
            f"{ADDRESSES}::test_a10_domains_are_compared_exactly[sqlite-acme.example@evil.org]",
        ),
    ),
    Defence(
        case="A12",
        file=ARRIVING,
        old="    if ignored:\n",
        new="    if False:\n",
        tests=(
            f"{CHANGES}::test_a12_a21_claims_make_nobody_more_than_a_guest[sqlite]",
            f"{DOOR}::test_a12_privileged_claims_are_ignored_and_noted[sqlite]",
        ),
    ),
    Defence(
        case="A14",
        file=RULES,
        old="Refusal.PARTNER_STATE: facts.organisation_active\n",
        new="Refusal.PARTNER_STATE: True\n",
        tests=(
            f"{AWAY}::test_a14_a_partner_that_is_not_in_a_state_to_send_people[sqlite-suspended]",
        ),
    ),
    Defence(
        case="A14",
        file=RULES,
        old="        and facts.contract_running\n",
        new="",
        tests=(
            f"{AWAY}::test_a14_a_partner_that_is_not_in_a_state_to_send_people[sqlite-not begun]",
            f"{AWAY}::test_a14_a_partner_that_is_not_in_a_state_to_send_people[sqlite-ended]",
        ),
    ),
    Defence(
        case="A14",
        file=RULES,
        old="        and (not arriving or facts.eligible_sponsors > 0),",
        new="        and True,",
        tests=(
            f"{AWAY}::test_a14_a_partner_that_is_not_in_a_state_to_send_people[sqlite-no eligible sponsor]",
        ),
    ),
    Defence(
        case="A15",
        file=RULES,
        old="Refusal.CAP: not arriving or facts.places_taken < facts.most_guests,",
        new="Refusal.CAP: True,",
        tests=(
            f"{CHANGES}::test_a15_no_place_left[sqlite]",
            f"{CHANGES}::test_a15_decided_again_when_accepting[sqlite]",
        ),
    ),
    Defence(
        case="A15",
        file=ARRIVING,
        old="    guest_changes.lock_places(tx, provider.organisation_id)\n",
        new="",
        tests=(f"{RACES}::test_a15_one_place_for_eight_who_return[postgresql]",),
    ),
    Defence(
        case="A15",
        file=ARRIVING,
        old="    without_us = replace(door.facts, places_taken=door.facts.places_taken - 1)\n",
        new="    without_us = replace(door.facts, places_taken=0)\n",
        tests=(f"{RACES}::test_a15_one_place_for_twenty[postgresql]",),
    ),
    Defence(
        case="A16",
        file=ARRIVING,
        old="    if not plain or door.policy.at_once != provider.policy.at_once:\n",
        new="    if False:\n",
        tests=(f"{RACES}::test_a16_one_person_fifty_times[postgresql]",),
    ),
    Defence(
        case="A17",
        file=RULES,
        old="Refusal.TOMBSTONE: known is None or not known.tombstone,",
        new="Refusal.TOMBSTONE: True,",
        tests=(
            f"{AWAY}::test_a17_a_tombstone_keeps_out[sqlite]",
            f"{DOOR}::test_a17_a_removed_guest_does_not_slip_back_in[sqlite]",
        ),
    ),
    Defence(
        case="A19",
        file=RULES,
        old="Refusal.LATER: not arriving or facts.arrived_last_hour < facts.most_new_per_hour,",
        new="Refusal.LATER: True,",
        tests=(
            f"{AWAY}::test_a19_more_than_the_hour_allows[sqlite]",
            f"{DOOR}::test_a19_above_the_hourly_cap_the_door_says_later[sqlite]",
        ),
    ),
    Defence(
        case="A21",
        file=REFRESHING,
        old='    values: dict[str, Any] = {"last_sign_in_at": tx.now}\n',
        new='    values: dict[str, Any] = {"last_sign_in_at": tx.now}\n    values |= {"state": identity.claims["state"]} if "state" in identity.claims else {}\n',
        tests=(
            f"{CHANGES}::test_a12_a21_claims_make_nobody_more_than_a_guest[sqlite]",
            f"{DOOR}::test_a21_a_later_sign_in_refreshes_the_profile[sqlite]",
        ),
    ),
    Defence(
        case="A21",
        file=REFRESHING,
        old="if identity.name and identity.name != guest.name:",
        new="if identity.name != guest.name:",
        tests=(f"{CHANGES}::test_a21_what_a_claim_no_longer_says_stays[sqlite]",),
    ),
    Defence(
        case="A23",
        file=RULES,
        old="Refusal.INACTIVE: not suspended or not tired,",
        new="Refusal.INACTIVE: True,",
        tests=(
            f"{AWAY}::test_a23_silence[sqlite]",
            f"{DOOR}::test_a23_a_silent_guest_is_suspended_and_refused[sqlite]",
        ),
    ),
    Defence(
        case="A24",
        file="portal/pages/sign_in.py",
        old='else url_for("sign_in.nowhere")',
        new='else url_for("sign_in.nowhere") + "?unknown=1"',
        tests=(f"{DISCOVERY}::test_a24_discovery_tells_nothing_about_persons_or_partners[sqlite]",),
    ),
    Defence(
        case="A24",
        file="portal/pages/sign_in.py",
        old="@limited_sign_in\n",
        new="",
        tests=(f"{DISCOVERY}::test_a24_discovery_is_throttled[sqlite]",),
    ),
)
