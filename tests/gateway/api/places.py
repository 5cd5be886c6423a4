"""What the placeholders of the matrix stand for: makers of Acme's things, each made at most once."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from analytics.alerts.models import AlertRule
from analytics.alerts.services import create_rule
from analytics.annotations import create_annotation
from analytics.anomalies.models import Anomaly
from analytics.exports import service as exports
from analytics.exports.service import Asked
from analytics.models import Annotation, DeclaredTag
from analytics.reports import service as reports
from analytics.reports.models import Report, ReportDelivery
from analytics.services import declare_tag
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
from finetuning.backends.runner import RunnerBackend
from finetuning.models import TuningFile, TuningJob
from finetuning.services import files as tuning
from finetuning.services.files import runs
from gateway.ledger.ids import uuid7
from gateway.models import EndUserErasure, ImportRun, Job, Project, ProvisionedGroup, RateLimit, Team
from gateway.services import directory_groups
from gateway.services.erasure import erase_end_user
from gateway.services.rate_limits import create_rate_limit
from sdkgen import builds
from sdkgen.ir.nodes import Api
from sdkgen.models import PlaygroundSession, Release
from sdkgen.playground import sessions
from sdkgen.services import store_release
from tests import factories
from tests.finetuning.places import evaluation_of, recording_of, tuned_model_of

BILL = b"day,model,cost,currency\n2026-06-01,gpt-4o,1,USD\n"
EXAMPLE = b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}\n'
WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}


class Places(dict[str, Any]):
    """What the placeholders of the table stand for; what a path does not name is not made."""

    def __init__(self, company: factories.Acme, lines: dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self.makers: dict[str, Callable[[], Any]] = {
            "organization": lambda: company.organization.pk, "team": lambda: company.search.pk,
            "ads_team": lambda: company.ads.pk, "project": lambda: company.assistant.pk,
            "ads_project": lambda: company.banner.pk, "bob": lambda: company.members["bob"].pk,
            "alice": lambda: company.members["alice"].pk, "bob_user": lambda: company.people["bob"].pk,
            "scim_group": lambda: directory_group_of(company).pk,
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
            "sdk_build": lambda: sdk_build_of(company).pk, "playground": lambda: playground_of(company).pk,
            "sdk_language": lambda: sdk_release_of() and "python",
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
            "tuning_file": lambda: tuning_file_of(company.assistant).pk,
            "ads_tuning_file": lambda: tuning_file_of(company.banner).pk,
            "tuning_upload": lambda: tuning_upload_of(company.assistant).pk,
            "file_run": lambda: file_run_of(company.assistant).pk,
            "ads_file_run": lambda: file_run_of(company.banner).pk,
            "job": lambda: tuning_job_of(company, company.assistant).pk,
            "ads_job": lambda: tuning_job_of(company, company.banner).pk,
            "finished_job": lambda: tuning_job_of(company, company.assistant, status="failed").pk,
            "erasure": lambda: erasure_of(company).pk,
            "evaluation": lambda: evaluation_of(company).pk, "tuned_model": lambda: tuned_model_of(company).pk,
            "recording": lambda: recording_of(company).pk,
            "runner_job": lambda: runner_job_of(company).pk,
            "commitment": lambda: commitment_of(company).pk, "exchange_rate": lambda: exchange_rate_of(company).pk,
        }  # fmt: skip

    def __missing__(self, name: str) -> Any:
        self[name] = self.makers[name]()
        return self[name]


def tuning_file_of(project: Project) -> TuningFile:
    """A judged second version of a training file; made at most once."""
    found = TuningFile.objects.filter(project=project, version=2).first()
    if found is None:
        first = tuning.create_file(
            project=project, name="train.jsonl", content=[EXAMPLE], created_by=None, actor=None
        )  # fmt: skip
        found = tuning.create_file(
            project=project, name="train.jsonl", content=[EXAMPLE * 2], created_by=None, actor=None, parent=first
        )
        tuning.inspect_file(found)
    return found


def tuning_upload_of(project: Project) -> TuningFile:
    """An upload of which nothing has arrived; made at most once."""
    found = TuningFile.objects.uploads().filter(project=project).first()
    return found or tuning.begin_upload(
        project=project, name="long.jsonl", expected_bytes=10, created_by=None, actor=None
    )


def file_run_of(project: Project) -> Job:
    """Work on a file that waits; made at most once."""
    found = Job.objects.filter(kind=runs.KIND, parameters__project=str(project.pk)).first()
    return found or runs.request_judging(
        action=runs.VALIDATE, file=tuning_file_of(project), validation=None, wanted=runs.Wanted(), actor=None
    )


def trainable_of(project: Project) -> TuningFile:
    """A training file of a project; made at most once."""
    rows = (f'{{"messages": [{{"role": "user", "content": "{n}?"}}, {{"role": "assistant", "content": "{n}."}}]}}\n'
            for n in range(12))  # fmt: skip
    found = TuningFile.objects.filter(project=project, name="twelve.jsonl").first()
    return found or tuning.create_file(
        project=project, name="twelve.jsonl", content=["".join(rows).encode()], created_by=None, actor=None
    )


def tuning_job_of(company: factories.Acme, project: Project, status: str = "validating_files") -> TuningJob:
    """A job of a project that has not reached its backend; made at most once a status."""
    file = trainable_of(project)
    found, _ = TuningJob.objects.get_or_create(
        project=project, status=status, name=status,
        defaults={
            "organization": company.organization, "backend": "openai", "provider": company.provider,
            "base_model": "gpt-4.1-mini-2025-04-14", "method": "supervised", "training_file": file,
        },
    )  # fmt: skip
    return found


def job_wish(company: factories.Acme) -> dict[str, Any]:
    """The body that makes a job of the assistant."""
    return {
        "project": str(company.assistant.pk), "backend": "openai", "provider": str(company.provider.pk),
        "base_model": "gpt-4.1-mini-2025-04-14",
        "training_file": str(trainable_of(company.assistant).pk),
    }  # fmt: skip


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


def runner_job_of(company: factories.Acme) -> TuningJob:
    """A job of the project Assistant that waits for somebody's machine; made at most once."""
    found = TuningJob.objects.filter(backend="runner").first()
    if found is None:
        owner = {"organization": company.organization, "project": company.assistant}
        file = TuningFile.objects.create(**owner, name="train.jsonl", status="processed", family=uuid7())
        found = TuningJob.objects.create(
            **owner, name="Support", backend="runner", base_model="Qwen/Qwen3-8B", method="supervised",
            training_file=file,
        )  # fmt: skip
        RunnerBackend().start(found)
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


def directory_group_of(company: factories.Acme) -> ProvisionedGroup:
    """The group of Acme's directory that is the team Search; made at most once."""
    found = ProvisionedGroup.objects.filter(organization=company.organization).first()
    return found or directory_groups.create_group(organization=company.organization, actor=None, name="Search")


def sdk_release_of() -> Release:
    """A first release of the SDKs, of an API with nothing in it; made at most once."""
    return store_release(version="1.0.0", document={"openapi": "3.1.0"}, api=Api("Nothing", "1", "0" * 64, (), ()))


def sdk_build_of(company: factories.Acme) -> Job:
    """A package that alice asked for; made at most once."""
    return Job.objects.filter(kind=builds.KIND).first() or builds.request_build(
        organization=company.organization, user=company.people["alice"], language="python", said={}
    )


def playground_of(company: factories.Acme) -> PlaygroundSession:
    """A session of bob's; made at most once."""
    return (
        PlaygroundSession.objects.first()
        or sessions.open_session(
            organization=company.organization, person=company.people["bob"], project=company.assistant
        ).session
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


def erasure_of(company: factories.Acme) -> EndUserErasure:
    return erase_end_user(organization=company.organization, end_user="customer-17", actor=None)


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
