"""The organization under test, made and used through the product's own services; what the database says at the end.

Imported once Django is set up on the installation's database.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.db import close_old_connections, connections
from django.db.models import Max
from django.utils import timezone

from analytics.alerts import services as alerts
from analytics.alerts.models import AlertDelivery, AlertEvent, AlertRule, EventKind
from analytics.reports import service as reports
from analytics.reports.models import Report, ReportRun, Trigger
from bench.chaos.evidence import Evidence, Limit, Line, Message, Notice, Seen, Watch
from bench.chaos.sinks import Sink
from bench.chaos.traffic import CHAT, ROUTE, Keys
from costs.models import Budget, BudgetCounter
from costs.services.budgets import create_budget
from gateway.models import KeySpend, Model, Organization, OutboxMessage, Project, QuarantinedLine, User, VirtualKey
from gateway.services import catalog, identity, keys
from gateway.services.audit import Actor
from sdkgen.models import Release

RACES, RACE_BUDGET = 40, Decimal("0.006")
RULES = 24
WATCHED, PERCENTS = Decimal("0.05"), (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""A soft budget of dollars whose thresholds callers cross from the first seconds to the last minutes of a long run."""
FAULT_MODELS = ("sim-fault-error-500", "sim-fault-cut-stream", "sim-fault-bad-json")
PRICES = {CHAT: (Decimal("0.15"), Decimal("0.60")), "gpt-4o": (Decimal("2.50"), Decimal("10.00")),
          f"{CHAT}-second": (Decimal("0.15"), Decimal("0.60"))}  # fmt: skip
ACTOR: Actor = None


@dataclass
class Company:
    """`keys` for callers; alert rules and a report that cause mails and events."""

    organization: Organization
    keys: Keys
    rules: list[AlertRule]
    report: Report
    budgets: list[Budget]
    watched: Budget
    watch: AlertRule
    """Tells the thresholds of `watched`."""
    promised: list[str] = field(default_factory=list)
    due: list[datetime] = field(default_factory=list)

    # ---- effects that must happen ------------------------------------------------------------------------------
    def test_an_alert(self, number: int) -> None:
        """Sends a test by every channel of a rule; once the transaction is through, its messages are promised."""
        close_old_connections()
        event = alerts.send_test(rule=self.rules[number % len(self.rules)], actor=ACTOR)
        found = AlertDelivery.objects.filter(event=event).values_list("message__dedupe_key", flat=True)
        self.promised += [key for key in found if key not in self.promised]

    def make_the_report_due(self) -> None:
        """Its schedule says now; nothing when it is due already."""
        close_old_connections()
        now = timezone.now()
        moment = now.replace(second=0, microsecond=0) - timedelta(hours=1 + len(self.due))  # no two in one minute
        is_due = Report.objects.filter(pk=self.report.pk, next_at__gt=now + timedelta(hours=1)).update(next_at=moment)
        if is_due:
            self.due.append(moment)


def make(providers: Sequence[str], hook: str) -> Company:
    """`providers`: base URLs; `hook`: where events go."""
    organization = identity.create_organization(actor=ACTOR, name="Chaos", slug="chaos", fails_closed=True)
    free = identity.create_organization(actor=ACTOR, name="Without budgets", slug="free", fails_closed=True)
    _catalog(organization, providers)
    project = Project.objects.get(organization=organization, slug="default")
    racing = identity.create_project(organization=organization, actor=ACTOR, slug="racing", name="Racing")
    given = Keys(
        plain=_key(organization, project, "plain"),
        limited=_key(organization, project, "limited", rpm_limit=300),
        free=_key(free, Project.objects.get(organization=free, slug="default"), "free"),
        racing=[_key(organization, racing, f"race {n}", budget_amount=RACE_BUDGET) for n in range(RACES)],
    )
    budgets = [_budget(organization, "Company", "organization", "", Decimal(1_000))]
    budgets.append(_budget(organization, "Racing", "project", str(racing.pk), RACE_BUDGET * RACES / 2))
    rules = [_rule(organization, number, hook) for number in range(RULES)]
    watched, watch = _watched(organization, hook)
    return Company(organization, given, rules, _report(organization), budgets, watched, watch)


def _catalog(organization: Organization, providers: Sequence[str]) -> None:
    rows = []
    for slug, base_url in zip(("primary", "second"), providers, strict=True):
        done = catalog.set_provider(
            organization=None, actor=ACTOR, slug=slug, kind="openai", base_url=base_url, credential="sk-simulated",
            price_list="openai", connect_timeout_ms=1_000, first_byte_timeout_ms=3_000, idle_timeout_ms=3_000,
            total_timeout_ms=15_000,
        )  # fmt: skip
        rows.append(done.row)
    primary, other = rows
    for name in (*(name for name in PRICES if not name.endswith("second")), *FAULT_MODELS):
        catalog.add_model(organization=None, actor=ACTOR, provider=primary, name=name)
    second = f"{CHAT}-second"
    catalog.add_model(organization=None, actor=ACTOR, provider=other, name=second, upstream_name=CHAT)
    targets = [catalog.Target(Model.objects.get(name=name), place, 1) for place, name in enumerate((CHAT, second))]
    catalog.create_route(organization=organization, actor=ACTOR, alias=ROUTE, targets=targets)


def _key(organization: Organization, project: Project, name: str, **limits: Any) -> str:
    return keys.create_key(organization=organization, project=project, actor=ACTOR, name=name, **limits).secret


def _budget(organization: Organization, name: str, scope: str, value: str, amount: Decimal) -> Budget:
    return create_budget(
        organization=organization, actor=ACTOR, name=name, scope=scope, scope_value=value, amount=amount,
        enforcement="hard",
    )  # fmt: skip


def _watched(organization: Organization, hook: str) -> tuple[Budget, AlertRule]:
    """A budget that refuses nothing, and the rule that tells its thresholds."""
    budget = create_budget(
        organization=organization, actor=ACTOR, name="Watched", scope="organization", amount=WATCHED,
        enforcement="soft", alert_thresholds=[{"percent": percent, "basis": "actual"} for percent in PERCENTS],
    )  # fmt: skip
    channels = [{"kind": "email", "target": "budget@example.com"}, {"kind": "webhook", "target": hook}]
    rule = alerts.create_rule(
        organization=organization, actor=ACTOR, channels=channels, name="Watched budget", source="budget",
        parameters={"budget": str(budget.pk)},
    ).rule  # fmt: skip
    return budget, rule


def _rule(organization: Organization, number: int, hook: str) -> AlertRule:
    channels = [{"kind": "email", "target": f"oncall-{number}@example.com"}, {"kind": "webhook", "target": hook}]
    return alerts.create_rule(
        organization=organization, actor=ACTOR, channels=channels, name=f"Errors {number}", measure="errors",
        threshold=Decimal(number * 5 + 1), window_minutes=15, repeat_minutes=15,
    ).rule  # fmt: skip


def _report(organization: Organization) -> Report:
    section = {"kind": "metrics", "title": "Usage", "measures": ["cost", "requests"], "dimensions": ["model"],
               "chart": "bar", "limit": 10, "filters": []}  # fmt: skip
    owner = User.objects.filter(is_superuser=True).first()
    return reports.create_report(
        organization=organization, owner=owner, writer=reports.Writer(ACTOR, is_admin=True), name="Daily",
        sections=[section], period="previous_day", cron="0 7 1 1 *", timezone="UTC", formats=[], shares_outside=True,
        recipients=[reports.Recipient("address", "board@example.com")],
    )  # fmt: skip


# ---- what is there -------------------------------------------------------------------------------------------------
def nudge_outbox() -> int:
    """What waits for its next try is offered at once, as people do from the console; how many still wait."""
    close_old_connections()
    waiting = OutboxMessage.objects.filter(delivered_at=None, dead_at=None)
    waiting.filter(due_at__gt=timezone.now()).update(due_at=timezone.now())
    return waiting.count()


def open_runs() -> int:
    """Runs of reports that are not done, and reports that are due."""
    close_old_connections()
    running = ReportRun.objects.filter(job__status__in=["queued", "running"]).count()
    return running + Report.objects.filter(next_at__lte=timezone.now(), archived_at=None).count()


def watches_of(company: Company) -> list[Watch]:
    """What the rules on real traffic told; the budget's own rule first."""
    close_old_connections()
    counters = BudgetCounter.objects.filter(budget_id=company.watched.pk)
    spent = counters.aggregate(most=Max("spent"))["most"] or Decimal(0)
    reached = [Decimal(percent) for percent in PERCENTS if spent * 100 >= WATCHED * percent]
    notices: dict[UUID, list[Notice]] = defaultdict(list)
    kinds = [EventKind.FIRED, EventKind.REPEATED, EventKind.RESOLVED]
    events = AlertEvent.objects.filter(rule__in=[company.watch, *company.rules], kind__in=kinds)
    for event in events.prefetch_related("deliveries__message"):
        messages = [delivery.message.dedupe_key for delivery in event.deliveries.all()]
        value, threshold = event.value or Decimal(0), event.threshold or Decimal(0)
        found = Notice(event.subject, event.kind, event.window.timestamp(), value, threshold, messages)
        notices[event.rule_id].append(found)
    return [
        Watch(rule.name, 2, notices[rule.pk], reached if rule == company.watch else (), rule.repeat_minutes * 60.0)
        for rule in (company.watch, *company.rules)
    ]


def untold(company: Company) -> int:
    """Thresholds that were reached and that nobody was told of yet; a rule is looked at once a minute."""
    watch = watches_of(company)[0]
    return len(set(watch.reached) - {notice.threshold for notice in watch.notices if notice.kind == "fired"})


def gather(
    company: Company, *, journals: Iterable[Path], sinks: Iterable[Sink], verify: str, database_url: str, **more: Any
) -> Evidence:
    """The evidence as it is now; nothing may run meanwhile."""
    close_old_connections()
    return Evidence(
        seen=[seen for path in journals for seen in read_journal(path)],
        lines=_lines(database_url),
        limits=_limits(company),
        deliveries=[each for sink in sinks for each in list(sink.taken)],
        messages=[
            Message(key, None if at is None else at.timestamp(), dead is not None)
            for key, at, dead in OutboxMessage.objects.values_list("dedupe_key", "delivered_at", "dead_at")
        ],
        promised=list(company.promised),
        due_reports=_due_reports(company),
        watches=watches_of(company),
        prices=PRICES,
        quarantined=frozenset(
            f"{source} {place}" for source, place in QuarantinedLine.objects.values_list("source", "position")
        ),
        verify=verify,
        **more,
    )


def _due_reports(company: Company) -> dict[str, int]:
    runs = ReportRun.objects.filter(report=company.report, trigger=Trigger.SCHEDULE)
    return {moment.isoformat(): runs.filter(due_at=moment).count() for moment in company.due}


def limits_of(company: Company) -> list[Limit]:
    """Hard budgets and keys' own, with what their lines cost, on a new connection."""
    connections.close_all()
    return _limits(company)


def lines_since(database_url: str, at: float) -> list[Line]:
    """Lines whose attempts began at `at` (Unix seconds) or later: no more than which they are."""
    statement = "SELECT id::text, request_id, kind FROM gateway_ledgerline WHERE started_at >= to_timestamp(%s)"
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return [Line(*row) for row in connection.execute(statement, [at])]


def _limits(company: Company) -> list[Limit]:
    names = {budget.pk: budget for budget in company.budgets}
    found = [
        Limit(f"budget {names[pk].name}", names[pk].amount, spent)
        for pk, spent in BudgetCounter.objects.filter(budget_id__in=names).values_list("budget_id", "spent")
    ]
    spends = dict(KeySpend.objects.values_list("key_id", "spent"))
    limited = VirtualKey.objects.exclude(budget_amount=None)
    return found + [
        Limit(f"key {key.name}", key.budget_amount or Decimal(0), spends.get(key.pk, Decimal(0))) for key in limited
    ]


def read_journal(path: Path) -> list[Seen]:
    """The provider's own log: calls of chat completions with their ends, where there was one."""
    begun: dict[str, Seen] = {}
    for text in path.read_bytes().splitlines() if path.exists() else ():
        entry = json.loads(text)
        identity = entry["attempt_id"]
        if identity is None:
            continue
        if entry["event"] == "begin":
            if entry["path"].endswith("/chat/completions"):
                begun[identity] = Seen(identity, "begun", None)
        elif identity in begun:
            usage = entry["usage"]
            tokens = (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
            begun[identity] = Seen(identity, entry["outcome"], entry["status"], tokens)
    return list(begun.values())


def is_set_up() -> bool:
    """Whether the first release of the SDKs is stored, the one long piece of work of a new installation."""
    return Release.objects.exists()


LINES_SQL = """
SELECT id::text, request_id, kind, is_final, status, http_status, usage_source, coalesce(model_served, ''),
  input_tokens, output_tokens, cost, corrects::text FROM gateway_ledgerline
"""


def _lines(database_url: str) -> list[Line]:
    with psycopg.connect(database_url) as connection:
        rows: list[Any] = connection.execute(LINES_SQL).fetchall()
    values: list[list[Any]] = [[*row[:8], (row[8], row[9]), *row[10:]] for row in rows]
    return [Line(*each) for each in values]


def newest(app: str) -> tuple[str, str]:
    """Names of the newest migration of an app and of the one before."""
    names = sorted(path.stem for path in (Path(__file__).parents[2] / app / "migrations").glob("0*.py"))
    return names[-1], names[-2]


def verify_ledger(environment: dict[str, str]) -> str:
    """What `manage.py verify_ledger` finds wrong; empty when nothing. Open entries of the quarantine are wrong for it,
    so they are resolved first, as people do; the oracle has its own check of them."""
    QuarantinedLine.objects.filter(resolved_at=None).update(resolved_at=timezone.now())
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger"], env=environment, cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:]
