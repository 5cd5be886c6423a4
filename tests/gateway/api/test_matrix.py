"""The permission matrix, executed: every route × method × caller, on real rows, with real credentials."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import StreamingHttpResponse
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import URLPattern, resolve

from analytics.alerts.models import AlertRule
from analytics.alerts.services import create_rule
from analytics.annotations import create_annotation
from analytics.anomalies.models import Anomaly
from analytics.api import annotations, declared_tags
from analytics.api import urls as analytics_urls
from analytics.exports import service as exports
from analytics.exports.service import Asked
from analytics.models import Annotation, DeclaredTag
from analytics.reports import service as reports
from analytics.reports.models import Report, ReportDelivery
from analytics.services import declare_tag
from costs.api import urls as costs_urls
from costs.models import (
    AllocationRule,
    Budget,
    Commitment,
    CostCenter,
    ExchangeRate,
    Invoice,
    PriceOverride,
    PriceRate,
    PriceReview,
    PriceSnapshot,
    Recommendation,
    RepricingRun,
    Statement,
    UnitMetric,
)
from costs.services import allocation, invoices, statements, units
from costs.services.budgets import create_budget
from costs.services.commitments import create_commitment
from costs.services.prices import set_price_override
from gateway.api import urls
from gateway.models import ImportRun, Job, RateLimit, Team
from gateway.services.rate_limits import create_rate_limit
from tests import factories
from tests.gateway.api.conftest import Caller
from tests.gateway.api.matrix import CALLERS, Row, rows

BILL = b"day,model,cost,currency\n2026-06-01,gpt-4o,1,USD\n"
WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
PARTS = (urls, costs_urls, declared_tags, annotations, analytics_urls)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROWS = rows()


class Places(dict[str, Any]):
    """What the placeholders of the table stand for; what a path does not name is not made."""

    def __init__(self, company: factories.Acme, lines: dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self.makers: dict[str, Callable[[], Any]] = {
            "organization": lambda: company.organization.pk, "team": lambda: company.search.pk,
            "ads_team": lambda: company.ads.pk, "project": lambda: company.assistant.pk,
            "ads_project": lambda: company.banner.pk, "bob": lambda: company.members["bob"].pk,
            "alice": lambda: company.members["alice"].pk, "bob_user": lambda: company.people["bob"].pk,
            "alice_user": lambda: company.people["alice"].pk, "invitation": lambda: company.invitation.pk,
            "key": lambda: company.keys["bob"].pk, "ads_key": lambda: company.keys["ads"].pk,
            "manage_key": lambda: company.keys["write"].pk, "provider": lambda: company.provider.pk,
            "shared_provider": lambda: company.shared_provider.pk, "model": lambda: company.model.pk,
            "route": lambda: company.route.pk, "request": lambda: lines["bob"]["request_id"],
            "line": lambda: lines["bob"]["id"], "ads_request": lambda: lines["ads"]["request_id"],
            "event": lambda: company.event.pk, "import": lambda: imported(company).pk,
            "cache_policy": lambda: company.cache_policy.pk, "guardrail": lambda: company.guardrail.pk,
            "body_policy": lambda: company.body_policy.pk, "declared_tag": lambda: tag_of(company).pk,
            "annotation": lambda: annotation_of(company, None).pk,
            "ads_annotation": lambda: annotation_of(company, company.ads).pk,
            "anomaly": lambda: anomaly_of(company, "team").pk,
            "whole_anomaly": lambda: anomaly_of(company, "organization").pk,
            "budget": lambda: budget_of(company, "team").pk,
            "whole_budget": lambda: budget_of(company, "organization").pk, "export": lambda: export_of(company).pk,
            "report": lambda: report_of(company, company.search).pk,
            "whole_report": lambda: report_of(company, None).pk,
            "report_run": lambda: delivery_of(company).run_id, "delivery": lambda: delivery_of(company).pk,
            "alert": lambda: alert_of(company, "team").pk, "whole_alert": lambda: alert_of(company, "organization").pk,
            "cost_center": lambda: cost_center_of(company, company.search).pk,
            "ads_cost_center": lambda: cost_center_of(company, company.ads).pk,
            "allocation_rule": lambda: allocation_rule_of(company).pk, "statement": lambda: statement_of(company).pk,
            "invoice": lambda: invoice_of(company).pk,
            "unit_metric": lambda: unit_metric_of(company).pk,
            "recommendation": lambda: recommendation_of(company, company.search).pk,
            "whole_recommendation": lambda: recommendation_of(company, None).pk,
            "applied_recommendation": lambda: recommendation_of(company, company.search, is_applied=True).pk,
            "rate_limit": lambda: rate_limit_of(company, "team").pk,
            "rate": lambda: rate_of().pk, "review": lambda: review_of().pk,
            "override": lambda: override_of(company).pk, "repricing": lambda: repricing_of(company).pk,
            "whole_rate_limit": lambda: rate_limit_of(company, "organization").pk,
            "commitment": lambda: commitment_of(company).pk, "exchange_rate": lambda: exchange_rate_of(company).pk,
        }  # fmt: skip

    def __missing__(self, name: str) -> Any:
        self[name] = self.makers[name]()
        return self[name]


def imported(company: factories.Acme) -> ImportRun:
    """A file of Acme's; a placeholder's value, so it is made at most once."""
    found, _ = ImportRun.objects.get_or_create(organization=company.organization.pk, source="sha256:00", format="csv")
    return found


def tag_of(company: factories.Acme) -> DeclaredTag:
    """A declared tag of Acme; made at most once."""
    found = DeclaredTag.objects.filter(organization=company.organization, key="customer").first()
    return found or declare_tag(organization=company.organization, actor=None, key="customer")


def annotation_of(company: factories.Acme, team: Team | None) -> Annotation:
    """Something that happened to all of Acme, or to one team; made at most once."""
    found = Annotation.objects.filter(organization=company.organization, team=team).first()
    return found or create_annotation(
        organization=company.organization, actor=None, kind="deploy", text="Release 42", team=team
    )


def anomaly_of(company: factories.Acme, dimension: str) -> Anomaly:
    """An anomaly of the team Search, or of all of Acme; made at most once."""
    is_team = dimension == "team"
    found = Anomaly.objects.filter(organization=company.organization, dimension=dimension).first()
    return found or factories.anomaly(
        company.organization, dimension=dimension, value=str(company.search.pk) if is_team else "",
        team=company.search.pk if is_team else None,
    )  # fmt: skip


def rate_of() -> PriceRate:
    """A rate of a public list; made at most once."""
    fields = {"source": "litellm", "version": "1", "origin": "test", "digest": "0", "state": "accepted"}
    snapshot, _ = PriceSnapshot.objects.get_or_create(**fields)
    stated = {"source": "litellm", "provider": "acme", "model": "m", "meter": "input", "amount": Decimal("0.000001")}
    return PriceRate.objects.get_or_create(snapshot=snapshot, **stated)[0]


def review_of() -> PriceReview:
    """A model that the lists differ about; made at most once."""
    return PriceReview.objects.get_or_create(provider="acme", model="m")[0]


def override_of(company: factories.Acme) -> PriceOverride:
    """An own price of Acme; made at most once."""
    found = PriceOverride.objects.filter(organization=company.organization).first()
    return found or set_price_override(
        organization=company.organization, provider="acme", model="m", actor=None, discount_percent=Decimal(5),
        valid_from=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip


def repricing_of(company: factories.Acme) -> RepricingRun:
    """A re-pricing of Acme that is counted; made at most once."""
    found = RepricingRun.objects.filter(organization=company.organization).first()
    return found or RepricingRun.objects.create(organization=company.organization, state="ready", **WINDOW)


def commitment_of(company: factories.Acme) -> Commitment:
    """A commitment of Acme; made at most once."""
    found = Commitment.objects.filter(organization=company.organization).first()
    return found or create_commitment(
        organization=company.organization, actor=None, name="PTU", kind="provisioned_throughput", provider="upstream",
        model="gpt-4o", project=company.assistant, amount=Decimal(1), per="hour", currency="USD",
        starts_on=date(2026, 11, 1),
    )  # fmt: skip


def exchange_rate_of(company: factories.Acme) -> ExchangeRate:
    """A rate that Acme states; made at most once."""
    found, _ = ExchangeRate.objects.get_or_create(
        organization=company.organization, base="EUR", quote="USD", rate=Decimal("1.1"), valid_from=date(2026, 11, 1),
        source="Treasury",
    )  # fmt: skip
    return found


def budget_of(company: factories.Acme, scope: str) -> Budget:
    """A budget of the team Search, or of all of Acme; made at most once."""
    value = str(company.search.pk) if scope == "team" else ""
    found = Budget.objects.filter(organization=company.organization, scope=scope).first()
    return found or create_budget(
        organization=company.organization, actor=None, name=scope, scope=scope, scope_value=value, amount=Decimal(10)
    )


def export_of(company: factories.Acme) -> Job:
    """An export that alice asked for; made at most once."""
    asked = Asked("metrics", "csv", {**WINDOW, "measures": ["cost"]})
    return Job.objects.filter(kind=exports.KIND).first() or exports.request_export(
        organization=company.organization, user=company.people["alice"], asked=asked
    )


def report_of(company: factories.Acme, team: Team | None) -> Report:
    """A report of the team Search, or of all of Acme; made at most once."""
    found = Report.objects.filter(organization=company.organization, team=team).first()
    return found or reports.create_report(
        organization=company.organization, owner=company.people["alice"], writer=reports.Writer(None, is_admin=True),
        name="Weekly", team=team, sections=[{"kind": "metrics", "measures": ["cost"]}],
    )  # fmt: skip


def delivery_of(company: factories.Acme) -> ReportDelivery:
    """A mail of a run that is not made yet, which nothing could be sent in; made at most once."""
    found = ReportDelivery.objects.first()
    if found is None:
        run = reports.run_now(report=report_of(company, company.search), actor=None, person=None, sends=True)
        found = ReportDelivery.objects.create(run=run, address="dave@acme.example", reason="Unsubscribed.")
    return found


def cost_center_of(company: factories.Acme, team: Team) -> CostCenter:
    """A cost centre of a team, to which a rule allocates when it is Search's; made at most once."""
    found = CostCenter.objects.filter(organization=company.organization, team=team).first()
    if found is None:
        found = allocation.create_cost_center(
            organization=company.organization, actor=None, code=team.slug, name=team.name, team=team
        )
        if team == company.search:
            allocation_rule_of(company)
    return found


def unit_metric_of(company: factories.Acme) -> UnitMetric:
    """What Acme counts itself; made at most once."""
    found = UnitMetric.objects.filter(organization=company.organization).first()
    return found or units.create_unit_metric(
        organization=company.organization, actor=None, name="Tickets solved", unit="ticket"
    )


def allocation_rule_of(company: factories.Acme) -> AllocationRule:
    """A rule that gives everything to the cost centre of Search; made at most once."""
    found = AllocationRule.objects.filter(organization=company.organization).first()
    return found or allocation.create_rule(
        organization=company.organization, actor=None, name="All", method="direct",
        targets={"cost_center": str(cost_center_of(company, company.search).pk)},
    )  # fmt: skip


def invoice_of(company: factories.Acme) -> Invoice:
    """What Acme was billed; made at most once."""
    upload = invoices.Upload(io.BytesIO(BILL), "bill.csv", "table")
    made, _ = invoices.upload_invoice(organization=company.organization, actor=None, upload=upload, limit_bytes=10_000)
    return made


def recommendation_of(company: factories.Acme, team: Team | None, *, is_applied: bool = False) -> Recommendation:
    """A saving that is made by hand, of a team's calls or of everybody's; each is made at most once."""
    found = Recommendation.objects.filter(
        organization=company.organization, team=team and team.pk, applied_at__isnull=not is_applied
    ).first()
    return found or factories.recommendation(company.organization, team=team, is_applied=is_applied)


def statement_of(company: factories.Acme) -> Statement:
    """Of a month that is over; made at most once."""
    month = date(2026, 6, 1)
    return statements.compute_statement(organization=company.organization, month=month, actor=None)


def rate_limit_of(company: factories.Acme, scope: str) -> RateLimit:
    """A rate limit of the team Search, or of all of Acme; made at most once."""
    value = str(company.search.pk) if scope == "team" else ""
    found = RateLimit.objects.filter(organization=company.organization, scope=scope).first()
    return found or create_rate_limit(
        organization=company.organization, actor=None, name=scope, scope=scope, scope_value=value, rpm=60
    )


def alert_of(company: factories.Acme, scope: str) -> AlertRule:
    """An alert rule of the team Search, or of all of Acme, that mails; made at most once."""
    value = str(company.search.pk) if scope == "team" else ""
    found = AlertRule.objects.filter(organization=company.organization, scope=scope).first()
    return found or create_rule(
        organization=company.organization, actor=None, name=scope, scope=scope, scope_value=value, measure="cost",
        threshold=Decimal(10), channels=[{"kind": "email", "target": "oncall@acme.example"}],
    ).rule  # fmt: skip


def body(company: factories.Acme, row: Row) -> dict[str, Any] | None:
    """A valid body for the rows that take one."""
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
        "POST cost/what-if": {**WINDOW, "model": "gpt-4o-mini"},
        "POST cost/recommendations/{recommendation}/dismiss": {"reason": "Not now."},
        "POST cost/recommendations/{recommendation}/snooze": {"days": 7},
        "POST cost/statements": {"month": "2026-06-01"},
        "POST invoices": {"file": SimpleUploadedFile("other.csv", BILL + b"2026-06-02,gpt-4o,2,USD\n")},
        "PUT invoices/drift-policy": {"percent": "2.5", "minimum": "10"},
        "POST usage-imports": {
            "file": SimpleUploadedFile("u.csv", b"time,input_tokens,output_tokens\n"),
            "format": "csv",
            "project": str(company.assistant.pk),
        },
    }
    if str(row) == "POST allocation-rules":  # a cost centre of its own: made for this row alone
        center = str(cost_center_of(company, company.ads).pk)
        return {"name": "Ads", "method": "direct", "targets": {"cost_center": center}}
    return bodies.get(str(row))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_caller_gets_what_the_table_says(row: Row, company: factories.Acme, caller: Caller) -> None:
    bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
    path = f"/api/v1/{row.path.format_map(Places(company, {'bob': bob, 'ads': ads}))}"

    answered = {}
    for role in CALLERS.values():
        with transaction.atomic():  # each caller meets the same company
            response = caller(role).generic(
                row.method, path, **_content(body(company, row)), HTTP_ACCEPT="application/json"
            )
            answered[role] = response.status_code
            transaction.set_rollback(True)

    assert answered == row.expected


def _content(data: dict[str, Any] | None) -> dict[str, Any]:
    if data is None:
        return {}
    if "file" in data:
        return {"data": encode_multipart(BOUNDARY, data), "content_type": MULTIPART_CONTENT}
    import json

    return {"data": json.dumps(data), "content_type": "application/json"}


def patterns() -> Iterator[tuple[str, URLPattern]]:
    for pattern in chain.from_iterable(part.urlpatterns for part in PARTS):
        assert isinstance(pattern, URLPattern)
        yield str(pattern.name), pattern


def allowed(pattern: URLPattern) -> set[str]:
    """Methods that the view of a pattern answers."""
    actions = getattr(pattern.callback, "actions", None)
    view = pattern.callback.view_class if actions is None else None  # type: ignore[attr-defined]
    return {method for method in METHODS if (method.lower() in actions if actions else hasattr(view, method.lower()))}


def test_every_route_and_method_has_a_row() -> None:
    sample = dict.fromkeys(_placeholders(), "0192f0c4-0000-7000-8000-000000000000")
    covered = {(row.method, resolve(f"/api/v1/{row.path.format(**sample)}").url_name) for row in ROWS}

    missing = {(method, name) for name, pattern in patterns() for method in allowed(pattern)} - covered

    assert missing == set()


def _placeholders() -> set[str]:
    return {part[1:-1] for row in ROWS for part in row.path.split("/") if part.startswith("{")}


def test_what_has_no_row_is_not_allowed(company: factories.Acme, caller: Caller) -> None:
    bob, ads = factories.book_lines(factories.line(company), factories.line(company, project=company.banner))
    known = {(row.method, row.path) for row in ROWS}
    owner, made = caller("owner"), Places(company, {"bob": bob, "ads": ads})

    for path in sorted({row.path for row in ROWS}):
        for method in METHODS:
            if (method, path) not in known and not _other_row(method, path):
                url = f"/api/v1/{path.format_map(made)}"
                assert owner.generic(method, url).status_code == 405, f"{method} {path}"


def _other_row(method: str, path: str) -> bool:
    """The same route with another object has a row for this method."""
    sample = dict.fromkeys(_placeholders(), "0192f0c4-0000-7000-8000-000000000000")
    name = resolve(f"/api/v1/{path.format(**sample)}").url_name
    return any(
        row.method == method and resolve(f"/api/v1/{row.path.format(**sample)}").url_name == name for row in ROWS
    )


@pytest.mark.parametrize("path", sorted({row.path for row in ROWS if row.method == "GET" and "{" not in row.path}))
def test_mallory_cannot_name_a_foreign_organization(path: str, caller: Caller) -> None:
    mallory = caller("mallory")
    mallory.credentials(HTTP_X_ORGANIZATION="acme")

    response = mallory.get(f"/api/v1/{path}")

    if path in ("", "me", "organizations"):  # not about one organization
        assert b"acme" not in response.content.lower().replace(b"globex", b"")
    else:
        assert response.status_code == 404
        assert response.json()["code"] == "organization_not_found"


@pytest.mark.parametrize("path", sorted({row.path for row in ROWS if row.method == "GET" and "{" not in row.path}))
def test_lists_show_mallory_nothing_of_acme(path: str, company: factories.Acme, caller: Caller) -> None:
    factories.book_lines(factories.line(company))

    response = caller("mallory").get(f"/api/v1/{path}")
    if isinstance(response, StreamingHttpResponse):
        return  # never ends; what it says is what `admin/dashboard/realtime` says
    text = response.content.decode()

    assert str(company.organization.pk) not in text
    assert "@acme.example" not in text
