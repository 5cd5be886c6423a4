"""The permission matrix, executed: every route × method × caller, on real rows, with real credentials."""

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import resolve
from rest_framework.test import APIClient

from gateway.models import AuditEvent
from tests import factories
from tests.finetuning.places import CONTESTANTS, held_out_of
from tests.gateway.api.conftest import client_of
from tests.gateway.api.matrix import CALLERS, Row, rows
from tests.gateway.api.places import BILL, EXAMPLE, WINDOW, Places, cost_center_of, job_wish, sdk_release_of
from tests.gateway.ledger.test_distribution import suspicious

LINE = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}'
ROWS = rows()
QUESTION = "asks and changes nothing"
UNAUDITED = {
    "POST auth/token/revoke": "nobody has the token of this row",
    "POST auth/password-reset": "nobody has the address of this row",
    "POST me/second-factor": "counts only when it is confirmed, which leaves an event",
    "POST memberships/{bob}/reset-second-factor": "bob has none: nothing changes",
    "PATCH scim/v2/Users/{bob_user}": "bob is active: nothing changes",
    "PATCH scim/v2/Groups/{scim_group}": "the group has no members: nothing changes",
    "POST providers/{provider}/test": "asks the provider; the catalogue stays as it is",
    "POST routes/{route}/simulate": QUESTION,
    "POST guardrails/{guardrail}/test": QUESTION,
    "POST budgets/check": QUESTION,
    "POST budgets/simulate": QUESTION,
    "POST budgets/{budget}/simulate": QUESTION,
    "POST end-user-erasures/look": QUESTION,
    "POST fine-tuning/jobs/search": QUESTION,
    "POST cost/recommendations/search": "the job's row says who asked; what it finds changes nothing",
    "POST invoices/{invoice}/reconcile": "figures are counted anew from what is there",
    "PUT fine-tuning/files/uploads/{tuning_upload}/parts/1": "a piece; beginning and completing leave events",
    "POST fine-tuning/validate-data/{tuning_file}": "judges the file, which stays as it is",
    "POST fine-tuning/validate-data/{ads_tuning_file}": "judges the file, which stays as it is",
    "POST fine-tuning/jobs/{finished_job}/sync": "asks the backend; what it says changes the job by itself, too",
}
"""Rows that succeed and leave no event, each with its reason."""
PULLED = {"POST sdk/analytics": {"distinct"}}
"""What brings ledger lines to the coordinator of a Citus cluster (docs/operations/citus.md)."""


def body(company: factories.Acme, row: Row) -> dict[str, Any] | None:
    """A valid body for the rows that take one."""
    if row.path == "sdk/migration-guide":
        sdk_release_of()
    target = {"model": str(company.model.pk)}
    passwords = {"current_password": "wrong", "new_password": "an entirely new one"}
    bodies: dict[str, dict[str, Any]] = {
        "POST auth/token": {"username": "bob@acme.example", "password": "wrong"},
        "POST auth/token/refresh": {"refresh": "x.y.z"},
        "POST auth/token/revoke": {"refresh": "x.y.z"},
        "POST auth/password-reset": {"email": "nobody@example.com"},
        "POST auth/password-reset/confirm": {"uid": "eA", "token": "x-y", "new_password": "an entirely new one"},
        "PATCH me": {"theme": "dark"},
        "POST me/password": passwords,
        "POST me/second-factor/confirm": {"code": "000000"},
        "POST me/second-factor/disable": {"code": "000000"},
        "POST me/recovery-codes": {"code": "000000"},
        "POST organizations": {"slug": "initech", "name": "Initech"},
        "PATCH organizations/{organization}": {"name": "Acme Ltd"},
        "POST teams": {"slug": "core", "name": "Core"},
        "PATCH teams/{team}": {"name": "Finders"},
        "POST projects": {"slug": "core", "name": "Core", "team": str(company.search.pk)},
        "PATCH projects/{project}": {"name": "Helper"},
        "POST memberships": {"email": "carol@acme.example", "role": "developer"},
        "PATCH memberships/{bob}": {"role": "analyst"},
        "PATCH memberships/{alice}": {"role": "analyst"},
        "POST invitations": {"email": "frank@example.com", "role": "developer"},
        "POST invitations/accept": {"token": "unknown"},
        "POST scim/v2/Users": {"userName": "frank@example.com", "name": {"givenName": "Frank"}, "active": True},
        "PUT scim/v2/Users/{bob_user}": {"userName": "bob@acme.example", "externalId": "e-1"},
        "PATCH scim/v2/Users/{bob_user}": {"Operations": [{"op": "Replace", "path": "active", "value": "True"}]},
        "POST scim/v2/Groups": {"displayName": "Research"},
        "PUT scim/v2/Groups/{scim_group}": {"displayName": "Finders", "members": []},
        "PATCH scim/v2/Groups/{scim_group}": {"Operations": [{"op": "Remove", "path": "members"}]},
        "POST api-keys": {"project": str(company.assistant.pk), "name": "new"},
        "PATCH api-keys/{key}": {"rpm_limit": 7},
        "PATCH api-keys/{ads_key}": {"rpm_limit": 7},
        "PATCH api-keys/{manage_key}": {"rpm_limit": 7},
        "POST providers": {"slug": "vendor", "name": "Vendor", "base_url": "https://93.184.216.34/v1"},
        "PATCH providers/{provider}": {"name": "Renamed"},
        "PATCH providers/{shared_provider}": {"name": "Renamed"},
        "POST models": {"provider": str(company.provider.pk), "name": "gpt-5"},
        "PATCH models/{model}": {"context_tokens": 128000},
        "POST models/discover": {"provider": str(company.provider.pk)},
        "POST routes": {"alias": "slow", "targets": [target]},
        "PATCH routes/{route}": {"description": "Quick answers."},
        "POST guardrails": {"name": "cards", "kind": "pii", "action": "redact"},
        "PATCH guardrails/{guardrail}": {"position": 7},
        "POST guardrails/{guardrail}/test": {"text": "hello"},
        "POST end-user-erasures": {"end_user": "customer-17"},
        "POST end-user-erasures/look": {"end_user": "customer-17"},
        "PATCH retention": {"export_days": 3},
        "POST body-policies": {"project": str(company.assistant.pk), "retention_days": 7},
        "PATCH body-policies/{body_policy}": {"retention_days": 8},
        "POST cache-policies": {"project": str(company.assistant.pk), "ttl_s": 60},
        "PATCH cache-policies/{cache_policy}": {"ttl_s": 120},
        "POST rate-limits": {"name": "Search", "scope": "team", "scope_value": str(company.search.pk), "rpm": 60},
        "PATCH rate-limits/{rate_limit}": {"rpm": 30},
        "PATCH rate-limits/{whole_rate_limit}": {"rpm": 30},
        "POST alerts": {
            "name": "Cost",
            "scope": "team",
            "scope_value": str(company.search.pk),
            "measure": "cost",
            "threshold": "10",
        },
        "PATCH alerts/{alert}": {"threshold": "20"},
        "PATCH alerts/{whole_alert}": {"threshold": "20"},
        "POST declared-tags": {"key": "feature"},
        "POST annotations": {"kind": "deploy", "text": "Release 43"},
        "PATCH annotations/{annotation}": {"text": "Release 42.1"},
        "PATCH annotations/{ads_annotation}": {"text": "Release 42.1"},
        "POST sdk/generate": {"language": "py", "config": {"operations": ["chat.*"]}},
        "POST sdk/validate": {"language": "python"},
        "POST sdk/playground": {"project": str(company.assistant.pk), "models": ["gpt-4o"]},
        "POST sdk/migration-guide": {"language": "python", "personal": True},
        "POST sdk/custom-client": {"language": "go", "config": {"operations": ["models"]}},
        "POST sdk/analytics": WINDOW,
        "POST analytics/exports": {"format": "csv", "query": {**WINDOW, "measures": ["requests"]}},
        "POST cost/exports": {"format": "csv", "query": WINDOW},
        "POST reports": {
            "name": "Search",
            "team": str(company.search.pk),
            "sections": [{"kind": "metrics", "measures": ["cost"]}],
        },
        "PATCH reports/{report}": {"name": "Renamed"},
        "PATCH reports/{whole_report}": {"name": "Renamed"},
        "POST budgets": {"name": "Search", "scope": "team", "scope_value": str(company.search.pk), "amount": "10"},
        "PATCH budgets/{budget}": {"amount": "20"},
        "PATCH budgets/{whole_budget}": {"amount": "20"},
        "POST prices/reviews/{review}/decide": {"state": "kept"},
        "POST prices/overrides": {
            "provider": "openai",
            "model": "gpt-4o",
            "discount_percent": "5",
            "valid_from": "2026-11-01T00:00:00Z",
        },
        "POST prices/overrides/{override}/end": {"valid_to": "2027-01-01T00:00:00Z"},
        "POST prices/reprice": WINDOW,
        "PATCH prices/settings": {"backfills_unpriced": False},
        "POST commitments": {
            "name": "PTU",
            "kind": "provisioned_throughput",
            "provider": "shared",
            "model": "gpt-4o",
            "project": str(company.assistant.pk),
            "amount": "1",
            "per": "hour",
            "starts_on": "2026-11-01",
        },
        "POST commitments/{commitment}/end": {"ends_on": "2026-12-01"},
        "POST exchange-rates": {
            "base": "EUR",
            "quote": "USD",
            "rate": "1.0815",
            "valid_from": "2026-11-02",
            "source": "ECB",
        },
        "POST exchange-rates/upload": {
            "file": SimpleUploadedFile("rates.csv", b"base,quote,rate,valid_from,source\nEUR,USD,1.08,2026-11-02,ECB\n")
        },
        "POST cost/estimate": {"provider": "openai", "model": "gpt-4o", "usage": {"input_tokens": 1000}},
        "POST budgets/check": {"cost": "0.10"},
        "POST budgets/simulate": {"budgets": [{"scope": "team", "scope_value": str(company.search.pk), "amount": "5"}]},
        "POST usage-records/{request}/scores": {"name": "helpfulness", "source": "review", "score": 0.8},
        "POST admin/analytics/anomalies": {"metrics": ["cost"], "min_score": 0.5},
        "PATCH admin/analytics/anomalies/settings": {"sensitivity": 7},
        "POST admin/analytics/anomalies/{anomaly}/state": {"state": "expected"},
        "POST admin/analytics/anomalies/{whole_anomaly}/state": {"state": "expected"},
        "POST admin/analytics/query": {**WINDOW, "measures": ["requests"]},
        "POST admin/analytics/advanced": WINDOW,
        "POST admin/analytics/cost": WINDOW,
        "POST admin/analytics/performance": WINDOW,
        "POST analytics/users": WINDOW,
        "POST analytics/models": WINDOW,
        "POST analytics/security": WINDOW,
        "POST analytics/models/compare": WINDOW,
        "POST analytics/providers/compare": WINDOW,
        "POST cost-centers": {"code": "0815", "name": "Research"},
        "PATCH cost-centers/{cost_center}": {"name": "Finders"},
        "PATCH allocation-rules/{allocation_rule}": {"position": 7},
        "POST cost/allocation": WINDOW,
        "POST cost/report": WINDOW,
        "POST cost/breakdown": {**WINDOW, "dimensions": ["team", "model"]},
        "POST cost/trends": WINDOW,
        "POST cost/efficiency": WINDOW,
        "POST cost/providers/compare": WINDOW,
        "POST admin/cost/anomalies/{anomaly}/feedback": {"is_anomaly": False},
        "POST admin/cost/anomalies/{whole_anomaly}/feedback": {"is_anomaly": True},
        "POST unit-metrics": {"name": "Orders", "unit": "order"},
        "PATCH unit-metrics/{unit_metric}": {"unit": "solved ticket"},
        "POST unit-metrics/{unit_metric}/values": {"values": [{"day": "2026-03-10", "value": "10"}]},
        "POST fine-tuning/evaluations": {
            "project": str(company.assistant.pk),
            "metrics": ["exact"],
            "contestants": CONTESTANTS,
            "file": str(held_out_of(company).pk) if row.path == "fine-tuning/evaluations" else "",
        },
        "POST fine-tuning/recordings": {
            "project": str(company.assistant.pk),
            "model": "gpt-4o",
            "consent": True,
            "source": str(held_out_of(company).pk) if row.path == "fine-tuning/recordings" else "",
        },
        "POST fine-tuning/models/{tuned_model}/deploy": {"route": company.route.alias, "share": 10},
        "POST fine-tuning/models/{tuned_model}/withdraw": {"route": company.route.alias},
        "POST fine-tuning/estimate-cost": {"content": LINE, "candidates": [{"backend": "azure", "model": "gpt-4o"}]},
        "POST cost/what-if": {**WINDOW, "model": "gpt-4o-mini"},
        "POST cost/recommendations/{recommendation}/dismiss": {"reason": "Not now."},
        "POST cost/recommendations/{recommendation}/snooze": {"days": 7},
        "POST cost/statements": {"month": "2026-06-01"},
        "POST invoices": {"file": SimpleUploadedFile("other.csv", BILL + b"2026-06-02,gpt-4o,2,USD\n")},
        "PUT invoices/drift-policy": {"percent": "2.5", "minimum": "10"},
        "POST fine-tuning/files": {
            "file": SimpleUploadedFile("train.jsonl", EXAMPLE),
            "project": str(company.assistant.pk),
        },
        "POST fine-tuning/files/from-traffic": {"project": str(company.assistant.pk), "consent": True, **WINDOW},
        "POST fine-tuning/files/uploads": {
            "project": str(company.assistant.pk),
            "name": "long.jsonl",
            "size_bytes": 10,
        },
        "PUT fine-tuning/files/uploads/{tuning_upload}/parts/1": {"data": SimpleUploadedFile("part", b"{}\n")},
        "POST fine-tuning/files/uploads/{tuning_upload}/complete": {},
        "POST fine-tuning/validate-data/{tuning_file}": {},
        "POST fine-tuning/validate-data/{ads_tuning_file}": {},
        "POST fine-tuning/optimize-data/{tuning_file}": {},
        "POST fine-tuning/jobs/search": {"status": ["queued", "running"]},
        "POST usage-imports": {
            "file": SimpleUploadedFile("u.csv", b"time,input_tokens,output_tokens\n"),
            "format": "csv",
            "project": str(company.assistant.pk),
        },
    }
    if str(row) == "POST fine-tuning/jobs":
        return job_wish(company)
    if str(row) == "POST fine-tuning/templates/tone/create-job":
        wish = job_wish(company)
        return {name: wish[name] for name in ("project", "backend", "provider", "base_model", "training_file")}
    if str(row) == "POST allocation-rules":  # a cost centre of its own: made for this row alone
        center = str(cost_center_of(company, company.ads).pk)
        return {"name": "Ads", "method": "direct", "targets": {"cost_center": center}}
    return bodies.get(str(row))


@dataclass(frozen=True)
class World:
    """The company, its two ledger lines, and somebody signed in for every caller."""

    company: factories.Acme
    lines: dict[str, dict[str, Any]]
    clients: dict[str, APIClient]

    def caller(self, role: str) -> APIClient:
        """As `role`, with what it signed in with: a client of its own, since answers change cookies."""
        signed = self.clients[role]
        client = APIClient(raise_request_exception=False)
        client.cookies = copy(signed.cookies)
        client.credentials(**signed._credentials)
        return client


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """In the place of pytest-django's: one transaction for all rows, rolled back in the end. (That one closes the
    connection after each test. By its name a run of single rows alone knows that it needs the database.)"""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
    connection.close()


@pytest.fixture(scope="module")
def world(db: None) -> World:
    """Made once for all rows."""
    company = factories.acme()
    bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
    clients = {role: client_of(company, role) for role in CALLERS.values()}
    return World(company, {"bob": bob, "ads": ads}, clients)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_caller_gets_what_the_table_says(row: Row, world: World) -> None:
    answered, unaudited, said = {}, [], []

    def keep(execute: Any, sql: str, *args: Any) -> Any:
        said.append(sql)
        return execute(sql, *args)

    with transaction.atomic():
        company = world.company
        path = f"/api/v1/{row.path.format_map(Places(company, dict(world.lines)))}"
        for role in CALLERS.values():
            with transaction.atomic():  # each caller meets the same company
                events = AuditEvent.objects.count()
                with connection.execute_wrapper(keep):
                    response = world.caller(role).generic(
                        row.method, path, **_content(body(company, row)), HTTP_ACCEPT="application/json"
                    )
                answered[role] = response.status_code
                if response.status_code < 300 and AuditEvent.objects.count() == events:
                    unaudited.append(role)
                transaction.set_rollback(True)
        transaction.set_rollback(True)

    assert answered == row.expected
    assert set(suspicious(said)) == PULLED.get(str(row), set())
    if row.method != "GET" and not only_reads(path):  # what was written is in the trail, whoever wrote it
        succeeded = [role for role, status in answered.items() if status < 300]
        assert unaudited == (succeeded if str(row) in UNAUDITED else [])


def only_reads(path: str) -> bool:
    """Whether what is sent there is a question, as its view says."""
    view: Any = resolve(path).func
    return getattr(getattr(view, "cls", None) or getattr(view, "view_class", None), "only_reads", False)


@pytest.mark.parametrize("row", [row for row in ROWS if row.method == "GET"], ids=str)
def test_head_and_options_show_nobody_more_than_get(row: Row, world: World) -> None:
    """HEAD is answered as GET. OPTIONS says of a view what the documentation says, and the same of an object as of
    none."""
    found = {}
    with transaction.atomic():
        company = world.company
        path = f"/api/v1/{row.path.format_map(Places(company, dict(world.lines)))}"
        nothing = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|req_\w+", "0192f0c4-0000-7000-8000-000000000000", path)
        for role in ("anonymous", "developer", "key_read", "mallory"):
            with transaction.atomic():
                caller = world.caller(role)
                found[role] = caller.head(path, HTTP_ACCEPT="application/json").status_code
                described, of_none = caller.options(path), caller.options(nothing)
                closed = role == "anonymous"  # it is for who is signed in, also where reading is for anyone
                assert (described.status_code, of_none.status_code) == ((401, 401) if closed else (200, 200)), role
                assert closed or described.content == of_none.content, role  # a refusal has an id of its own
                transaction.set_rollback(True)
        transaction.set_rollback(True)

    assert found == {role: row.expected[role] for role in found}


def _content(data: dict[str, Any] | None) -> dict[str, Any]:
    if data is None:
        return {}
    if any(isinstance(value, SimpleUploadedFile) for value in data.values()):
        return {"data": encode_multipart(BOUNDARY, data), "content_type": MULTIPART_CONTENT}
    import json

    return {"data": json.dumps(data), "content_type": "application/json"}
