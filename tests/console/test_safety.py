"""The Security and Compliance pages: for whom they are, empty and with something to say."""

import html
import re
from datetime import UTC, datetime, timedelta
from random import Random

from django.test import Client

from gateway.models import SecurityEvent
from tests.console.company import Company, line, load
from tests.console.conftest import SignIn
from tests.console.test_usage import text_of


def said(client: Client, path: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(client, *reversed(path.partition("?")[::2]))).split())


def test_security_says_what_is_wrong_and_how_the_score_is_made(company: Company, sign_in: SignIn) -> None:
    assert "No incident" in said(sign_in("carol"), "/admin/security/")
    load(company, [line(company, datetime.now(UTC) - timedelta(hours=1), Random(1))])
    key = company.keys["search"]
    SecurityEvent.objects.create(at=datetime.now(UTC), kind="invalid_key", prefix=key.prefix, count=250)

    page = said(sign_in("carol"), "/admin/security/")

    assert "Failed sign-ins with the key production High Open 250" in page
    assert "How the score is made" in page
    assert f'href="/admin/keys/{key.pk}/"' in sign_in("carol").get("/admin/security/").content.decode()
    assert sign_in("bob").get("/admin/security/").status_code == 403


def test_an_incident_leads_to_its_requests(company: Company, sign_in: SignIn) -> None:
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    denied = {"status": "denied", "kind": "denied", "error_type": "rate_limit_exceeded", "http_status": 429}
    rng, key = Random(2), company.keys["search"]
    times = [at + timedelta(seconds=9 * i) for i in range(25)]
    load(company, [line(company, time, rng, project_slug="search", **denied) for time in times])
    load(company, [line(company, at - timedelta(days=1), rng, project_slug="search", **denied)])

    page = sign_in("carol").get("/admin/security/").content.decode()

    (link,) = set(re.findall(r'href="(/admin/requests/[^"]*status=denied[^"]*)"', page))
    assert f"Calls with the key {key.name} are refused again and again" in page
    shown = sign_in("carol").get(html.unescape(link))
    assert len(shown.context["page"].rows) == 25


def test_commands_say_where_they_are_run(company: Company, sign_in: SignIn) -> None:
    page = said(sign_in("carol"), "/admin/compliance/?of=soc2")

    assert "On the gateway&#x27;s machine, run python manage.py verify_ledger" in page.replace("'", "&#x27;")


def test_compliance_shows_each_catalogue(company: Company, sign_in: SignIn) -> None:
    page = said(sign_in("carol"), "/admin/compliance/?of=owasp_llm")

    assert "Prompt injection is looked for. LLM01 Fail No guardrail looks for prompt injection." in page
    assert "Add a guardrail for prompt injection for every project." in page
    assert "OWASP Top 10 for LLM Applications 2025" in page
    assert sign_in("dave").get("/admin/compliance/").status_code == 403


def test_evidence_links_only_to_pages_that_open(company: Company, sign_in: SignIn) -> None:
    for name, is_linked in (("carol", False), ("root", True)):
        client = sign_in(name)
        page = client.get("/admin/compliance/?of=soc2&organization=acme").content.decode()
        content = page.partition('id="content"')[2]
        links = set(re.findall(r'<td>.*?<a href="(/admin/[^"?]*)', content))

        assert "Ledger and figures were never compared." in content
        assert ("/admin/reconciliation/" in links) is is_linked
        assert [link for link in links if client.get(link).status_code != 200] == []
