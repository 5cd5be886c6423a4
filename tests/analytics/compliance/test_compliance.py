"""Every check both passing and failing, and the answer from the database."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.alerts.services import create_rule
from analytics.answers.compliance import check_of
from analytics.compliance import CATALOGUES, PROBES, Facts
from analytics.compliance.catalogue import everything, requirements
from analytics.compliance.facts import Key, Rail
from analytics.models import Reconciliation
from gateway.models import BodyPolicy, Guardrail, Membership, Provider, VirtualKey
from gateway.services.rate_limits import create_rate_limit
from tests.analytics.api.conftest import URL
from tests.factories import Acme
from tests.gateway.api.conftest import Caller, _fresh_throttles, caller  # noqa: F401

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CALLS = Key(
    uuid.UUID(int=1), "ci", NOW - timedelta(days=10), NOW, None, may_call=True, may_manage=False,
    is_limited_to_models=True, has_limit=True, owner_is_active=True,
)  # fmt: skip
MANAGES = replace(
    CALLS, name="ops", may_call=False, may_manage=True, expires_at=NOW + timedelta(days=30), has_limit=False,
    is_limited_to_models=False,
)  # fmt: skip


def rail(kind: str, *, action: str = "block", output: bool = False) -> Rail:
    return Rail(kind, action, not output, output, True)


GOOD = Facts(
    now=NOW, keys=(CALLS, MANAGES), owners=2, privileged=3, people=20, audit_events=7, rate_limits=1,
    rails=(rail("prompt_injection"), rail("pii", action="redact"), rail("secrets"), rail("max_size"),
           rail("json_schema", output=True)),
    provider_urls={"vendor": "https://api.example.com/v1"}, body_days={"assistant": 30}, alert_channels=1,
    alert_measures=("error_rate", "cost"), route_targets={"fast": 2}, scored_share=0.01, compared_at=NOW, differences=0,
    ledger_retention_days=400, secure_cookies=True, lockout_after=10,
)  # fmt: skip


def keys(**more: Any) -> dict[str, Any]:
    return {"keys": (replace(CALLS, **more), MANAGES)}


def without(kind: str) -> dict[str, Any]:
    return {"rails": tuple(one for one in GOOD.rails if one.kind != kind)}


# test → what makes it fail, and words of its evidence
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "several_owners_but_few": ({"owners": 1}, "1 owners"),
    "few_are_privileged": ({"privileged": 6}, "6 of 20 people"),
    "leavers_have_no_access": ({"deactivated_members": ("eve",)}, "eve"),
    "keys_of_leavers_are_revoked": (keys(owner_is_active=False), "1 live keys belong to deactivated people: ci"),
    "invitations_do_not_linger": ({"open_invitations_old": 2}, "2 invitations"),
    "sign_ins_are_locked_after_failures": ({"lockout_after": 0}, "never locked"),
    "keys_are_rotated": (keys(created_at=NOW - timedelta(days=366)), "1 of 2 live keys are older than a year: ci"),
    "unused_keys_are_revoked": (keys(last_used_at=NOW - timedelta(days=91)), "1 of 2 live keys were not used"),
    "management_keys_expire": ({"keys": (CALLS, replace(MANAGES, expires_at=None))}, "never expire: ops"),
    "keys_are_limited_to_models": (keys(is_limited_to_models=False), "1 of 1 calling keys may use every model: ci"),
    "duties_of_keys_are_separate": (keys(may_manage=True), "1 keys both call models and manage: ci"),
    "consumption_is_bounded": ({"rate_limits": 0, **keys(has_limit=False)}, "neither budget nor limit: ci"),
    "audit_trail_is_intact": ({"audit_intact": False, "audit_problem": "event 3 was changed"}, "event 3 was changed"),
    "changes_are_recorded": ({"audit_events": 0}, "0 changes"),
    "figures_are_reconciled": ({"differences": 4}, "4 differences"),
    "no_line_is_quarantined": ({"quarantined": 3}, "3 ledger lines"),
    "records_have_a_retention": ({"ledger_retention_days": 0}, "for ever"),
    "bodies_are_kept_briefly": ({"body_days": {"assistant": 31}}, "assistant (31 days)"),
    "bodies_are_deleted_in_time": ({"bodies_past_due": 5}, "5 bodies"),
    "bodies_are_off_for_most": ({"body_days": {"whole": 1}}, "whole organization"),
    "secrets_are_encrypted": ({"unreadable_credentials": ("vendor",)}, "vendor"),
    "providers_are_called_by_tls": ({"provider_urls": {"lab": "http://10.0.0.1/v1"}}, "lab"),
    "private_addresses_are_closed": ({"allowed_private": ("10.0.0.1:80",)}, "10.0.0.1:80"),
    "sessions_are_protected": ({"debug": True}, "Debug pages are on"),
    "injections_are_looked_for": (without("prompt_injection"), "No guardrail looks for prompt injection"),
    "personal_data_is_looked_for": (without("pii"), "No guardrail looks for personal data"),
    "personal_data_is_removed": ({"rails": (rail("pii", action="flag"),)}, "No guardrail redacts or blocks"),
    "secrets_do_not_leave": ({"rails": (rail("secrets", action="flag"),)}, "No guardrail redacts or blocks secrets"),
    "answers_are_looked_at": (without("json_schema"), "No guardrail looks at answers"),
    "answers_have_a_form": (without("json_schema"), "No guardrail looks at the form"),
    "request_size_is_bounded": (without("max_size"), "No guardrail looks at the length"),
    "somebody_is_alerted": ({"alert_channels": 0}, "0 channels"),
    "failures_are_alerted": ({"alert_measures": ("cost",)}, "No alert rule watches errors"),
    "spending_is_alerted": ({"alert_measures": ("error_rate",)}, "No alert rule watches what is spent"),
    "alerts_arrive": ({"undelivered_alerts": 1}, "1 notices"),
    "failed_sign_ins_are_few": ({"failed_auth": 101}, "101 failed attempts"),
    "routes_have_a_fallback": ({"route_targets": {"fast": 2, "slow": 1}}, "1 of 2 routes have one target alone: slow"),
    "served_models_are_known": ({"served_unknown": ("shadow",)}, "shadow"),
    "answers_are_scored": ({"scored_share": 0.0}, "0.00%"),
}


def test_every_probe_is_shown_failing() -> None:
    assert set(FAULTS) == set(PROBES)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_it_passes_and_fails(name: str) -> None:
    changes, words = FAULTS[name]

    passing, failing = PROBES[name](GOOD), PROBES[name](replace(GOOD, **changes))

    assert (passing.passed, failing.passed) == (True, False)
    assert words in failing.text
    assert reverse(failing.page).startswith("/admin/")


@pytest.mark.parametrize("name", sorted(CATALOGUES))
def test_every_check_of_a_catalogue_passes_and_fails_or_is_manual(name: str) -> None:
    for one in requirements(name):
        assert one.remediation
        assert one.requirement
        if not one.test:
            assert (check_of(one, GOOD).status, check_of(one, GOOD).evidence) == ("manual", [])
            continue
        changes, _ = FAULTS[one.test]
        assert check_of(one, GOOD).status == "pass"
        assert check_of(one, replace(GOOD, **changes)).status == "fail"


def test_the_catalogue_is_large_and_its_ids_are_unique() -> None:
    found = everything()

    assert len([one for one in found if one.test]) >= 25
    assert len({one.id for one in found}) == len(found)
    assert {one.test for one in found if one.test} == set(PROBES)  # no probe without a requirement


def test_what_cannot_be_decided_is_manual() -> None:
    undecided = replace(GOOD, audit_intact=None, scored_share=None)
    checks = {one.test: check_of(one, undecided) for one in everything()}

    assert {checks[name].status for name in ("audit_trail_is_intact", "answers_are_scored")} == {"manual"}
    assert "too long to be walked" in checks["audit_trail_is_intact"].evidence[0].text


def test_the_facts_come_from_the_database(caller: Caller, company: Acme) -> None:  # noqa: F811
    statuses = _statuses(caller)
    assert (statuses["soc2.cc7_2_monitor"], statuses["owasp_llm.llm01"], statuses["iso27001.a8_6"]) == ("fail",) * 3
    assert (statuses["soc2.cc6_2_leavers"], statuses["iso27001.a5_28"]) == ("pass", "pass")
    assert statuses["gdpr.art35"] == "manual"

    _improve(company)

    after = _statuses(caller)
    for name in (
        "soc2.cc7_2_monitor",
        "owasp_llm.llm01",
        "iso27001.a8_6",
        "soc2.cc7_1_reconcile",
        "soc2.cc7_2_failures",
    ):
        assert after[name] == "pass", name
    assert (after["soc2.cc6_2_leavers"], after["gdpr.art5_1e"], after["soc2.cc6_7_transit"]) == ("fail",) * 3


def _statuses(who: Callable[..., Any]) -> dict[str, str]:
    body = who("analyst").post(f"{URL}/analytics/compliance", {}).json()
    assert body["score"] is not None
    return {check["id"]: check["status"] for check in body["checks"]}


def _improve(company: Acme) -> None:
    """Some things made right, and some wrong."""
    organization = company.organization
    create_rule(
        organization=organization, actor=None, name="Errors", measure="error_rate", threshold=Decimal("0.1"),
        channels=[{"kind": "email", "target": "oncall@acme.example"}],
    )  # fmt: skip
    create_rate_limit(organization=organization, actor=None, name="All", scope="organization", scope_value="", rpm=60)
    Guardrail.objects.create(
        organization=organization, name="injection", kind="prompt_injection", direction="input", action="block"
    )
    now = timezone.now()
    Reconciliation.objects.create(started_at=now, finished_at=now, lines=1, cost=Decimal(0), differences=0)
    bob = Membership.objects.get(pk=company.members["bob"].pk).user
    bob.is_active = False
    bob.save()
    BodyPolicy.objects.filter(organization=organization).update(is_enabled=True, retention_days=300)
    Provider.objects.filter(pk=company.provider.pk).update(base_url="http://vendor.example/v1")


def test_catalogues_are_chosen_and_unknown_ones_refused(caller: Caller, company: Acme) -> None:  # noqa: F811
    owner = caller("owner")
    chosen = owner.post(f"{URL}/analytics/compliance", {"catalogues": ["gdpr"]}).json()
    unknown = owner.post(f"{URL}/analytics/compliance", {"catalogues": ["hipaa"]})

    assert {check["catalogue"] for check in chosen["checks"]} == {"gdpr"}
    assert [one["id"] for one in chosen["catalogues"]] == ["gdpr"]
    assert unknown.status_code == 400


def test_other_organizations_keys_are_not_looked_at(caller: Caller, company: Acme) -> None:  # noqa: F811
    VirtualKey.objects.filter(organization=company.organization).update(created_at=timezone.now() - timedelta(days=900))
    body = caller("mallory").post(f"{URL}/analytics/compliance", {}).json()

    rotated = next(check for check in body["checks"] if check["id"] == "iso27001.a5_17")
    assert rotated["evidence"][0]["figures"] == [{"name": "keys", "value": 0}, {"name": "found", "value": 0}]
    assert caller("developer").post(f"{URL}/analytics/compliance", {}).status_code == 403
