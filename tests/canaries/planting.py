"""Acme with a secret of every kind that the product holds, and harmless words beside them that have to be seen."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyotp
from django.conf import settings as configured
from django.test import Client

from analytics.alerts.models import AlertRule
from analytics.alerts.services import create_rule
from analytics.exports import service as exports
from analytics.exports.service import Asked
from analytics.reports.models import ReportMail
from analytics.rollups.marks import drain_marks
from costs.models import InvoiceChunk
from finetuning.models import EvaluationItem, FilePart, RecordedPrompt, TunedModel
from finetuning.services.files import create_file
from finetuning.services.jobs.creating import create_job
from finetuning.services.runner.tokens import issue_token
from gateway import credentials
from gateway.choices import Role
from gateway.ledger.archive.stores import Place
from gateway.models import IdempotentCall, ImportChunk, LoggedBody, OutboxMessage, SubjectKey
from gateway.oidc.configuration import Oidc
from gateway.services import audit, catalog, guardrails, outbox, people, secondfactor, tokens
from gateway.services.erasure import erase_end_user
from sdkgen.playground.sessions import open_session
from tests import factories
from tests.finetuning.places import evaluation_of, recording_of
from tests.gateway.api.places import Places, delivery_of, imported, invoice_of, runner_job_of

LIGHT = "lighthouse"
"""What has to be seen wherever anything of Acme is."""
WINDOW = {"start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"
CONTENT = frozenset(
    {"training text", "answer of an evaluation", "recorded prompt", "example of a model", "erased end user"}
)
"""Names of what its own pages show to whom it belongs; it is kept encrypted all the same."""


def canary(before: str = "") -> str:
    return f"{before}canary{secrets.token_hex(12)}"


@dataclass
class Planted:
    """The company and its things; what is secret there, by name."""

    company: factories.Acme
    places: Places
    lines: list[dict[str, Any]]
    rule: AlertRule
    webhook: str
    secrets: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, before: str = "") -> str:
        """A new secret of that name."""
        self.secrets[name] = canary(before)
        return self.secrets[name]


def plant(settings: Any, *, webhook: str) -> Planted:
    """Everything, by the services that people and programs use. `webhook`: an address where they may be sent to; a
    secret path is added."""
    company = factories.acme()
    for row in (company.organization, company.search, company.assistant):
        row.name = LIGHT
        row.save()
    company.search.slug = LIGHT
    company.search.save()
    factories.offer(company, LIGHT)
    lines = factories.book_lines(
        factories.line(company, at=AT, end_user=LIGHT, tag_set={"feature": LIGHT}),
        factories.line(company, end_user=LIGHT),
        factories.line(company, project=company.banner),
    )
    drain_marks()
    path = canary()
    target = {"kind": "webhook", "target": f"{webhook}/{path}"}
    made = create_rule(
        organization=company.organization, actor=company.people["alice"], name=LIGHT, measure="cost",
        threshold=10, channels=[target, {"kind": "email", "target": "oncall@acme.example"}],
    )  # fmt: skip
    places = Places(company, {"bob": lines[1], "ads": lines[2]})
    planted = Planted(company, places, lines, made.rule, webhook, {"path of a webhook": path})
    (planted.secrets["signing secret of an alert"],) = made.secrets.values()
    _set(planted, settings)
    _sign_in(planted)
    _give(planted)
    _keep(planted)
    _tune(planted)
    audit.seal()
    return planted


def _set(planted: Planted, settings: Any) -> None:
    """What the operator configures."""
    add = planted.add
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mailer", add("mail server's password")
    settings.OIDC = Oidc(
        "http://127.0.0.1:9", "gateway", add("OpenID client's secret"), domains={"acme.example": "acme"}
    )
    place = Place(
        "s3://bucket/x", "http://127.0.0.1:9", "us-east-1", add("S3 access key", "AKIA"), add("S3 secret key")
    )
    settings.LEDGER_ARCHIVE = place
    settings.METRICS_TOKEN, settings.NARRATOR_KEY = add("metrics token"), add("narrator's key", "sk-")
    settings.GATEWAY_OTLP_HEADERS = {"authorization": add("header to the collector", "Bearer ")}
    planted.secrets |= {
        "secret key": configured.SECRET_KEY,
        **{f"pepper {version}": pepper.hex() for version, pepper in configured.KEY_PEPPERS.items()},
        **{f"field key {number}": key for number, key in enumerate(configured.FIELD_ENCRYPTION_KEYS)},
    }


def _sign_in(planted: Planted) -> None:
    """What shows who somebody is: passwords, factors, tokens, sessions."""
    company, told = planted.company, planted.secrets
    alice, dave = company.people["alice"], company.people["dave"]
    people.set_password(alice, planted.add("password", "Pw-"))
    alice.save()
    told["seed of an authenticator"] = secondfactor.begin(user=dave).secret
    codes = secondfactor.confirm(user=dave, code=pyotp.TOTP(told["seed of an authenticator"]).now())
    told |= {"first recovery code": codes[0], "last recovery code": codes[-1]}
    told |= {f"{name} token": token for name, token in tokens.issue(user=alice)._asdict().items()}
    told |= {f"key {name}": secret for name, secret in company.secrets.items()}
    people.invite(organization=company.organization, actor=alice, email="fay@example.com", role=Role.ANALYST)
    people.send_password_link(user=company.people["carol"])
    for message in OutboxMessage.objects.filter(topic=outbox.MAIL):
        for kind, token in re.findall(r"/(invitations|admin/reset)/(\S+)/", outbox._opened(message)["text"]):
            told[f"{kind} link of {message.dedupe_key}"] = token.rpartition("/")[2]
    visitor = Client()
    visitor.post("/admin/login/", {"username": alice.username, "password": planted.add("wrong password", "Px-")})
    visitor.post("/admin/login/", {"username": planted.add("password as a name", "Pn-"), "password": "x"})


def _give(planted: Planted) -> None:
    """What others are called and answered with."""
    company, add = planted.company, planted.add
    alice, own = company.people["alice"], company.organization
    catalog.update_provider(provider=company.provider, actor=alice, credential=add("provider's credential", "sk-"))
    guardrails.create_guardrail(
        organization=own, actor=alice, name=LIGHT, kind="webhook", action="block",
        config={"url": planted.webhook}, secret=add("signing secret of a guardrail"),
    )  # fmt: skip
    opened = open_session(organization=own, person=company.people["bob"], project=company.assistant)
    planted.secrets["key of the playground"] = opened.secret
    planted.secrets["token of a runner"] = issue_token(job=runner_job_of(company), actor=alice)
    sealing = SubjectKey.objects.first()  # of what the audit trail says of a person
    assert sealing is not None
    planted.secrets["key of a person's audit trail"] = credentials.decrypt(bytes(sealing.key))


def _keep(planted: Planted) -> None:
    """What people and models wrote, and files."""
    company, add = planted.company, planted.add
    bob, now = company.keys["bob"], datetime.now(UTC)
    line = planted.lines[1]
    call = {
        "organization": company.organization.pk, "project": company.assistant.pk, "api_key": bob.pk,
        "request_id": line["request_id"], "expires_at": now + timedelta(hours=1),
    }  # fmt: skip
    LoggedBody.objects.create(
        **call, logged_at=now, endpoint="chat/completions", request=credentials.encrypt(add("logged prompt")),
        response=credentials.encrypt(add("logged answer")),
    )  # fmt: skip
    IdempotentCall.objects.create(
        **call, key_hmac=b"k", body_hmac=b"b", state="kept", owner="x", claimed_at=now,
        answer=credentials.encrypt(add("answer kept for a repeat")),
    )  # fmt: skip
    ImportChunk.objects.create(run=imported(company), number=0, data=credentials.encrypt(add("imported file")))
    invoice = invoice_of(company)
    InvoiceChunk.objects.create(invoice=invoice, number=7, data=credentials.encrypt(add("invoice file")))
    delivery = delivery_of(company)
    ReportMail.objects.create(run=delivery.run, view="x", content=credentials.encrypt(add("drawn report")))
    erase_end_user(organization=company.organization, end_user=add("erased end user"), actor=company.people["alice"])
    _store(planted)


def _store(planted: Planted) -> None:
    """A file that somebody exported, of what nobody else has."""
    company = planted.company
    job = exports.request_export(
        organization=company.organization, user=company.people["alice"],
        asked=Asked("metrics", "csv", {**WINDOW, "measures": ["cost"]}),
    )  # fmt: skip
    file = Path(configured.DATA_DIR) / f"{planted.add('exported file')}.csv"
    file.write_text(planted.secrets["exported file"])
    exports.store(job, file, name=f"{LIGHT}.csv", content_type="text/csv", rows=1)
    file.unlink()


def record(text: str, number: int) -> bytes:
    turns = [{"role": "user", "content": f"{text} {number}"}, {"role": "assistant", "content": LIGHT}]
    return orjson.dumps({"messages": turns}) + b"\n"


def _tune(planted: Planted) -> None:
    """What fine-tuning holds."""
    company, add = planted.company, planted.add
    text, path = add("training text"), add("path of a job's webhook")
    file = create_file(
        project=company.assistant, name=f"{LIGHT}.jsonl", content=[record(text, n) for n in range(12)],
        created_by=company.people["alice"], actor=company.people["alice"],
    )  # fmt: skip
    assert FilePart.objects.filter(file=file).exists()
    job = create_job(
        project=company.assistant, backend="openai", provider=company.provider, base_model="gpt-4.1-mini-2025-04-14",
        method="supervised", training_file=file, name=LIGHT, actor=company.people["alice"],
        notification={"webhook": f"{planted.webhook}/{path}", "emails": [company.people["alice"].email]},
    )  # fmt: skip
    planted.secrets["signing secret of a job"] = job.webhook_secret
    EvaluationItem.objects.create(
        evaluation=evaluation_of(company), line=1, contestant=0,
        answer=credentials.encrypt(add("answer of an evaluation")),
    )  # fmt: skip
    RecordedPrompt.objects.create(
        recording=recording_of(company), place=1, record=credentials.encrypt(f'{{"x": "{add("recorded prompt")}"}}')
    )
    bank = credentials.encrypt(add("example of a model"))
    TunedModel.objects.create(
        organization=company.organization, project=company.assistant, name=f"{LIGHT}-dicl", backend="dicl",
        base_model="gpt-4o", artifact=bank, artifact_sha256=hashlib.sha256(bank).hexdigest(),
    )  # fmt: skip
