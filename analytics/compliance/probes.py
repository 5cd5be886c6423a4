"""The probes: each looks at the facts and says whether they meet it, with the figures. Pure.

One whose `passed` is None could not be decided; it is shown as a manual check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from analytics.compliance.facts import Facts, Key, Rail

OLD = timedelta(days=365)
IDLE = timedelta(days=90)
LONGEST_BODIES = 30
FRESH = timedelta(days=2)
MOST_OWNERS, MOST_PRIVILEGED = 5, 0.25
MOST_FAILED = 100
LISTED = 5

NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """`text`: one sentence with the figures; `page`: the console page that shows them (a URL name)."""

    passed: bool | None
    text: str
    page: str
    figures: Mapping[str, float] = field(default_factory=dict)


Probe = Callable[[Facts], Outcome]
PROBES: dict[str, Probe] = {}


def probe(function: Probe) -> Probe:
    PROBES[function.__name__] = function
    return function


def _names(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:LISTED]) + (f" and {len(found) - LISTED} more" if len(found) > LISTED else "")


def _keys(facts: Facts, bad: Callable[[Key], bool], fine: str, fault: str, among: list[Key] | None = None) -> Outcome:
    keys = list(facts.keys) if among is None else among
    found = [key.name for key in keys if bad(key)]
    text = fault.format(count=len(found), all=len(keys), names=_names(found)) if found else fine.format(all=len(keys))
    return Outcome(not found, text, "admin:keys", {"keys": len(keys), "found": len(found)})


# ---- people and access ---------------------------------------------------------------------------------------------
@probe
def several_owners_but_few(facts: Facts) -> Outcome:
    text = f"{facts.owners} owners; 2 to {MOST_OWNERS} are wanted, so that one can go and few can do everything."
    passed = 2 <= facts.owners <= MOST_OWNERS
    return Outcome(passed, text, "admin:gateway_membership_changelist", {"owners": facts.owners})


@probe
def few_are_privileged(facts: Facts) -> Outcome:
    share = facts.privileged / facts.people if facts.people else 0.0
    text = f"{facts.privileged} of {facts.people} people are owners or administrators."
    passed = facts.privileged <= 2 or share <= MOST_PRIVILEGED
    return Outcome(passed, text, "admin:gateway_membership_changelist", {"share": share})


@probe
def leavers_have_no_access(facts: Facts) -> Outcome:
    found = facts.deactivated_members
    text = f"Deactivated people still are members: {_names(found)}." if found else "No deactivated person is a member."
    return Outcome(not found, text, "admin:gateway_membership_changelist", {"found": len(found)})


@probe
def keys_of_leavers_are_revoked(facts: Facts) -> Outcome:
    return _keys(
        facts, lambda key: not key.owner_is_active, "None of {all} live keys belongs to a deactivated person.",
        "{count} live keys belong to deactivated people: {names}.",
    )  # fmt: skip


@probe
def invitations_do_not_linger(facts: Facts) -> Outcome:
    count = facts.open_invitations_old
    text = f"{count} invitations that were never accepted have expired and were not withdrawn."
    return Outcome(count == 0, text, "admin:gateway_membership_changelist", {"found": count})


@probe
def sign_ins_are_locked_after_failures(facts: Facts) -> Outcome:
    limit = facts.lockout_after
    text = f"Sign-in is locked after {limit} failures." if limit else "Sign-in is never locked."
    return Outcome(0 < limit <= 20, text, "admin:settings", {"limit": limit})


# ---- keys ----------------------------------------------------------------------------------------------------------
@probe
def keys_are_rotated(facts: Facts) -> Outcome:
    return _keys(
        facts, lambda key: facts.now - key.created_at > OLD, "All {all} live keys are younger than a year.",
        "{count} of {all} live keys are older than a year: {names}.",
    )  # fmt: skip


@probe
def unused_keys_are_revoked(facts: Facts) -> Outcome:
    return _keys(
        facts, lambda key: facts.now - (key.last_used_at or key.created_at) > IDLE,
        "All {all} live keys were used within 90 days, or are younger.",
        "{count} of {all} live keys were not used for 90 days: {names}.",
    )  # fmt: skip


@probe
def management_keys_expire(facts: Facts) -> Outcome:
    return _keys(
        facts, lambda key: key.expires_at is None, "All {all} management keys expire.",
        "{count} of {all} management keys never expire: {names}.", [key for key in facts.keys if key.may_manage],
    )  # fmt: skip


@probe
def keys_are_limited_to_models(facts: Facts) -> Outcome:
    return _keys(
        facts, lambda key: not key.is_limited_to_models, "All {all} calling keys name the models they may use.",
        "{count} of {all} calling keys may use every model: {names}.", [key for key in facts.keys if key.may_call],
    )  # fmt: skip


@probe
def duties_of_keys_are_separate(facts: Facts) -> Outcome:
    return _keys(
        facts, lambda key: key.may_call and key.may_manage, "No key both calls models and manages.",
        "{count} keys both call models and manage: {names}.",
    )  # fmt: skip


@probe
def consumption_is_bounded(facts: Facts) -> Outcome:
    among = [key for key in facts.keys if key.may_call]
    if facts.rate_limits:
        text = f"{facts.rate_limits} rate limits are enforced."
        return Outcome(True, text, "admin:rate_limits", {"limits": facts.rate_limits})
    return _keys(
        facts, lambda key: not key.has_limit, "All {all} calling keys have a budget or a rate limit.",
        "There is no rate limit, and {count} of {all} calling keys have neither budget nor limit: {names}.", among,
    )  # fmt: skip


# ---- records -------------------------------------------------------------------------------------------------------
@probe
def audit_trail_is_intact(facts: Facts) -> Outcome:
    figures = {"events": facts.audit_events}
    if facts.audit_intact is None:
        text = (
            f"The chain of {facts.audit_events:,} events is too long to be walked here: run python manage.py "
            "verify_ledger on the gateway's machine."
        )
        return Outcome(None, text, "admin:gateway_auditevent_changelist", figures)
    text = f"The hash chain of {facts.audit_events:,} events is intact."
    if not facts.audit_intact:
        text = f"The hash chain is broken: {facts.audit_problem}."
    return Outcome(facts.audit_intact, text, "admin:gateway_auditevent_changelist", figures)


@probe
def changes_are_recorded(facts: Facts) -> Outcome:
    text = f"{facts.audit_events:,} changes are in the audit trail."
    return Outcome(facts.audit_events > 0, text, "admin:gateway_auditevent_changelist", {"events": facts.audit_events})


@probe
def figures_are_reconciled(facts: Facts) -> Outcome:
    if facts.compared_at is None or facts.differences is None:
        return Outcome(False, "Ledger and figures were never compared.", "admin:comparisons", {})
    age = facts.now - facts.compared_at
    text = f"Compared {facts.compared_at:%Y-%m-%d %H:%M} UTC: {facts.differences} differences."
    figures = {"differences": facts.differences, "age_hours": round(age.total_seconds() / 3600, 1)}
    return Outcome(age <= FRESH and facts.differences == 0, text, "admin:comparisons", figures)


@probe
def no_line_is_quarantined(facts: Facts) -> Outcome:
    text = f"{facts.quarantined} ledger lines wait in quarantine."
    return Outcome(facts.quarantined == 0, text, "admin:comparisons", {"lines": facts.quarantined})


@probe
def records_have_a_retention(facts: Facts) -> Outcome:
    days = facts.ledger_retention_days
    text = f"Ledger lines are kept for {days} days." if days else "Ledger lines are kept for ever."
    return Outcome(days > 0, text, "admin:settings", {"days": days})


# ---- data ----------------------------------------------------------------------------------------------------------
@probe
def bodies_are_kept_briefly(facts: Facts) -> Outcome:
    long = [f"{name} ({days} days)" for name, days in facts.body_days.items() if days > LONGEST_BODIES]
    text = "Bodies of requests are not kept."
    if facts.body_days:
        text = f"{len(facts.body_days)} policies keep bodies, the longest for {max(facts.body_days.values())} days."
    if long:
        text = f"Bodies are kept for more than {LONGEST_BODIES} days: {_names(long)}."
    return Outcome(not long, text, "admin:body_access", {"policies": len(facts.body_days)})


@probe
def bodies_are_deleted_in_time(facts: Facts) -> Outcome:
    count = facts.bodies_past_due
    return Outcome(
        count == 0, f"{count} bodies are past the day of their deletion.", "admin:body_access", {"bodies": count}
    )


@probe
def bodies_are_off_for_most(facts: Facts) -> Outcome:
    is_whole = "whole" in facts.body_days
    text = "The whole organization keeps bodies." if is_whole else "Bodies are kept for named projects alone, or none."
    return Outcome(not is_whole, text, "admin:body_access", {"policies": len(facts.body_days)})


@probe
def secrets_are_encrypted(facts: Facts) -> Outcome:
    found = facts.unreadable_credentials
    text = "Every stored credential is encrypted under a configured key."
    if found:
        text = f"Credentials that no configured key decrypts: {_names(found)}."
    return Outcome(not found, text, "admin:providers", {"found": len(found)})


@probe
def providers_are_called_by_tls(facts: Facts) -> Outcome:
    plain = [name for name, url in facts.provider_urls.items() if not url.startswith("https://")]
    text = f"All {len(facts.provider_urls)} providers are called by https."
    if plain:
        text = f"Providers are called without TLS: {_names(plain)}."
    return Outcome(not plain, text, "admin:providers", {"found": len(plain)})


@probe
def private_addresses_are_closed(facts: Facts) -> Outcome:
    found = facts.allowed_private
    text = f"Private addresses may be called: {_names(found)}." if found else "No private address may be called."
    return Outcome(not found, text, "admin:providers", {"found": len(found)})


@probe
def sessions_are_protected(facts: Facts) -> Outcome:
    faults = [
        word
        for word, is_so in (("cookies may travel without TLS", not facts.secure_cookies),
                            ("debug pages are on", facts.debug), ("any host name is answered", facts.any_host))
        if is_so
    ]  # fmt: skip
    text = f"{'; '.join(faults).capitalize()}." if faults else "Cookies need TLS, debug is off, host names are named."
    return Outcome(not faults, text, "admin:settings", {"found": len(faults)})


# ---- guardrails ----------------------------------------------------------------------------------------------------
def _rail(facts: Facts, wanted: Callable[[Rail], bool], what: str) -> Outcome:
    found = [rail for rail in facts.rails if wanted(rail)]
    whole = [rail for rail in found if rail.is_for_all]
    text = f"No guardrail {what}."
    if whole:
        text = f"{len(whole)} guardrails of every project {what.replace('looks', 'look')}."
    elif found:
        text = f"A guardrail {what} in some projects, not in all."
    return Outcome(bool(whole), text, "admin:guardrails", {"guardrails": len(found)})


@probe
def injections_are_looked_for(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.kind == "prompt_injection" and rail.looks_at_input,
                 "looks for prompt injection")  # fmt: skip


@probe
def personal_data_is_looked_for(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.kind == "pii" and rail.looks_at_input,
                 "looks for personal data in requests")  # fmt: skip


@probe
def personal_data_is_removed(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.kind == "pii" and rail.action in ("redact", "block"),
                 "redacts or blocks personal data")  # fmt: skip


@probe
def secrets_do_not_leave(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.kind == "secrets" and rail.action in ("redact", "block"),
                 "redacts or blocks secrets")  # fmt: skip


@probe
def answers_are_looked_at(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.looks_at_output, "looks at answers")


@probe
def answers_have_a_form(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.kind == "json_schema" and rail.looks_at_output,
                 "looks at the form of answers")  # fmt: skip


@probe
def request_size_is_bounded(facts: Facts) -> Outcome:
    return _rail(facts, lambda rail: rail.kind == "max_size" and rail.action == "block",
                 "looks at the length of requests and blocks")  # fmt: skip


# ---- running -------------------------------------------------------------------------------------------------------
@probe
def somebody_is_alerted(facts: Facts) -> Outcome:
    count = len(facts.alert_measures)
    passed = count > 0 and facts.alert_channels > 0
    text = f"{count} alert rules are on, with {facts.alert_channels} channels."
    return Outcome(passed, text, "admin:alerts", {"rules": count, "channels": facts.alert_channels})


@probe
def failures_are_alerted(facts: Facts) -> Outcome:
    found = {"error_rate", "errors", "availability", "success_rate"} & set(facts.alert_measures)
    text = f"Alert rules watch {_names(found)}." if found else "No alert rule watches errors or availability."
    return Outcome(bool(found), text, "admin:alerts", {"rules": len(found)})


@probe
def spending_is_alerted(facts: Facts) -> Outcome:
    found = {"cost", "budget", "cost_per_request", "total_tokens"} & set(facts.alert_measures)
    text = f"Alert rules watch {_names(found)}." if found else "No alert rule watches what is spent."
    return Outcome(bool(found), text, "admin:alerts", {"rules": len(found)})


@probe
def alerts_arrive(facts: Facts) -> Outcome:
    count = facts.undelivered_alerts
    return Outcome(count == 0, f"{count} notices of alerts could not be delivered.", "admin:alerts", {"found": count})


@probe
def failed_sign_ins_are_few(facts: Facts) -> Outcome:
    count = facts.failed_auth
    text = f"{count:,} failed attempts with prefixes of live keys in 30 days; more than {MOST_FAILED} are a series."
    return Outcome(count <= MOST_FAILED, text, "admin:security", {"attempts": count})


@probe
def routes_have_a_fallback(facts: Facts) -> Outcome:
    alone = [name for name, count in facts.route_targets.items() if count < 2]
    if not facts.route_targets:
        return Outcome(False, "There is no route, so no call has a fallback.", "admin:routes", {"routes": 0})
    text = f"All {len(facts.route_targets)} routes have a second target."
    if alone:
        text = f"{len(alone)} of {len(facts.route_targets)} routes have one target alone: {_names(alone)}."
    return Outcome(not alone, text, "admin:routes", {"routes": len(facts.route_targets), "found": len(alone)})


@probe
def served_models_are_known(facts: Facts) -> Outcome:
    found = facts.served_unknown
    text = (
        f"Models served in 30 days that nobody declared: {_names(found)}." if found else "Only declared models served."
    )
    return Outcome(not found, text, "admin:models", {"found": len(found)})


@probe
def answers_are_scored(facts: Facts) -> Outcome:
    share = facts.scored_share
    if share is None:
        return Outcome(None, "There was no request in 30 days.", "admin:requests", {})
    return Outcome(share > 0, f"{share:.2%} of requests of 30 days were scored.", "admin:requests", {"share": share})
