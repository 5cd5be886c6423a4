"""Sudo mode: what asks, whom, how one gets past it, and where it leads afterwards."""

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client, RequestFactory
from django.urls import Resolver404, resolve
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.reports.models import Report, ReportRun
from gateway.console import providers
from gateway.models import AuditEvent, Membership, Project, User, VirtualKey
from gateway.services import tokens
from gateway.signin import confirmation
from tests import factories, openapi

ADD = "/admin/keys/add/"
LATER = timedelta(minutes=16)


@pytest.fixture
def client(alice: User) -> Client:
    """Alice, who signed in just now."""
    client = Client()
    assert client.login(username=alice.username, password=factories.PASSWORD, request=RequestFactory().post("/"))
    return client


def make_stale(client: Client) -> Client:
    session = client.session
    session[confirmation.CONFIRMED_AT] -= 16 * 60
    session.save()
    return client


def test_signing_in_counts_as_confirmation_for_fifteen_minutes(client: Client) -> None:
    now = timezone.now()

    with time_machine.travel(now + timedelta(minutes=14), tick=False):
        assert client.get(ADD).status_code == 200
    with time_machine.travel(now + LATER, tick=False):
        late = client.get(ADD)

    assert (late.status_code, late["Location"]) == (302, "/sudo/?next=%2Fadmin%2Fkeys%2Fadd%2F")


def test_a_session_from_before_and_one_from_the_future_are_asked(client: Client) -> None:
    session = client.session
    session[confirmation.CONFIRMED_AT] += 3600
    session.save()
    assert client.get(ADD).status_code == 302
    session = client.session
    del session[confirmation.CONFIRMED_AT]
    session.save()
    assert client.get(ADD).status_code == 302


def test_the_password_confirms_and_leads_back(client: Client, alice: User) -> None:
    make_stale(client)

    page = client.get(f"/sudo/?next={ADD}")
    wrong = client.post("/sudo/", {"password": "wrong", "next": ADD})
    right = client.post("/sudo/", {"password": factories.PASSWORD, "next": ADD})

    assert (page.status_code, page["Cache-Control"].count("no-store")) == (200, 1)
    assert (wrong.status_code, "This is not your password." in wrong.content.decode()) == (422, True)
    assert (right.status_code, right["Location"]) == (302, ADD)
    assert client.get(ADD).status_code == 200
    event = AuditEvent.objects.get(verb="session.confirm")
    assert (event.actor_id, event.after) == (alice.pk, {"method": "password"})


def test_what_was_sent_is_not_carried_out_and_the_person_is_told(client: Client, company: factories.Acme) -> None:
    make_stale(client)
    before = VirtualKey.objects.count()

    sent = client.post(
        ADD, {"name": "late", "project": str(company.assistant.pk)}, headers={"Referer": f"http://testserver{ADD}"}
    )
    asked = client.get(sent["Location"])
    back = client.post("/sudo/", {"password": factories.PASSWORD, "next": ADD, "unsent": "1"}, follow=True)

    assert VirtualKey.objects.count() == before
    assert sent["Location"] == "/sudo/?next=%2Fadmin%2Fkeys%2Fadd%2F&unsent=1"
    assert "Nothing was saved. After this you are back at the form" in asked.content.decode()
    assert back.request["PATH_INFO"] == ADD
    assert "Nothing was saved before: send the form again." in back.content.decode()


def test_htmx_is_sent_to_the_whole_page(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/exports/?format=csv"}

    answer = make_stale(client).post("/admin/exports/", {}, headers=headers)

    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sudo/?next=%2Fadmin%2Fexports%2F%3Fformat%3Dcsv&unsent=1"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http://testserver//evil.example/",
        "http:///evil.example", "\\\\evil.example", "/" + "x" * 3000, "", "admin/",
    ],
)  # fmt: skip
def test_next_leads_nowhere_else(url: str, client: Client) -> None:
    answer = make_stale(client).post("/sudo/", {"password": factories.PASSWORD, "next": url})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_the_page_is_for_people_who_are_signed_in(db: None) -> None:
    answer = Client().get("/sudo/?next=/admin/")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=/sudo/")


def test_ten_wrong_passwords_lock(client: Client) -> None:
    make_stale(client)
    answers = [client.post("/sudo/", {"password": "wrong"}).status_code for _ in range(10)]

    assert answers == [422] * 9 + [429]
    assert client.post("/sudo/", {"password": factories.PASSWORD}).status_code == 429


MODEL_PAGES = [
    "gateway/provider/add/", "gateway/virtualkey/add/", "gateway/guardrail/add/", "gateway/invitation/add/",
    "costs/priceoverride/add/",
]  # fmt: skip
SHOWN = "shows what its reader may see anyway: no file, no secret, nothing leaves"
OWN = "what a person keeps for themselves"
WORK = "changes how things are worked with, and stays here: no secret, price, person or figure leaves"
STEERS = "changes how the gateway works; its secrets, prices and people are on pages that ask"
PROVIDER = "works with a provider that an administrator has set up, with its credential unseen"
UPLOAD = "takes data in, gives none out"
ENDS = "takes access away, which must not wait"
PACKAGE = "documentation or code of the API: no figure and no secret"
BODIES = "each reading is in the trail"
UNASKED_PAGES = {
    SHOWN: """requests recent_requests requests_live requests_values providers request usage performance alerts alert
        security compliance compare forecasts forecasts_ahead anomalies anomaly realtime realtime_live reports
        report_preview report_section report report_run settings status openings comparisons demo_progress palette
        routes route_target route_simulate guardrails guardrail rate_limits import account body_access costs cost_month
        cost_explorer budgets keys key prices price_history price_preview showbacks showback recommendations
        recommendation what_if invoice models tuning_jobs tuning_job tuning_file tuning_file_diff tuning_evaluation
        tuning_sunsets sdk_usage components""",
    OWN: "view_save view_delete theme tour shortcuts picker",
    WORK: """alert_do anomaly_state report_archive export_cancel allocation statement_make statement
        allocation_rule_end recommendation_search recommendation_do invoice_reconcile invoice_delete cost_efficiency
        tuning_file_do""",
    STEERS: "route_add route tuning_job_deploy",
    PROVIDER: """provider_test model_discover tuning_job_do tuning_new tuning_evaluations tuning_evaluation_cancel
        tuning_record tuning_record_cancel""",
    UPLOAD: "imports invoices unit_values tuning_files",
    ENDS: "key_revoke sessions_end session_end",
    PACKAGE: """sdks sdk_build sdk_archive sdk_custom sdk_custom_operations sdk_custom_check sdk_custom_archive
        sdk_docs_first sdk_docs sdk_reference sdk_method sdk_types sdk_type sdk_changelog sdk_examples sdk_tutorial
        sdk_step sdk_versions sdk_guide playground playground_code playground_worker playground_sdk""",
    BODIES: "request_bodies playground_request",
}
PAGES = [page for provider in providers() for page in provider.pages]


def test_every_page_of_the_console_asks_or_is_said_here() -> None:
    named = [name for names in UNASKED_PAGES.values() for name in names.split()]

    assert len(named) == len(set(named))
    assert sorted(named) == sorted(page.name for page in PAGES if not page.confirm)


def test_pages_that_ask_do_so_before_they_look_at_anything(company: factories.Acme) -> None:
    root = Client()
    root.force_login(company.people["root"], backend="django.contrib.auth.backends.ModelBackend")
    make_stale(root)
    asking = [page for page in PAGES if page.confirm]

    assert len(asking) > 30
    for page in asking:
        address = "/admin/" + re.sub(r"<uuid:\w+>", str(company.organization.pk), page.path)
        send = root.get if page.confirm == confirmation.ALWAYS else root.post
        answer = send(re.sub(r"<\w+:\w+>", "csv", address))
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sudo/"), page.name


@pytest.mark.parametrize("path", MODEL_PAGES)
def test_pages_that_ask(path: str, client: Client) -> None:
    assert client.get(f"/admin/{path}").status_code == 200
    answer = make_stale(client).get(f"/admin/{path}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sudo/")


def test_a_report_is_not_shared_by_a_session_left_open(company: factories.Acme, client: Client) -> None:
    report = Report.objects.create(
        organization=company.organization, owner=company.people["alice"], name="Costs", timezone="UTC"
    )
    make_stale(client)

    for path in ("add/", f"{report.pk}/edit/", f"{report.pk}/run/"):
        sent = client.post(f"/admin/reports/{path}", {"name": "Out", "shares_outside": "on", "sends": "1"})
        assert (sent.status_code, sent["Location"].partition("?")[0]) == (302, "/sudo/"), path
    assert (Report.objects.get().name, ReportRun.objects.count()) == ("Costs", 0)


def test_model_pages_ask_who_changes_rows_and_no_reader(client: Client, company: factories.Acme, bob: User) -> None:
    membership = Membership.objects.get(user=bob, organization=company.organization)
    path = f"/admin/gateway/membership/{membership.pk}/change/"
    reader = Client()
    reader.force_login(company.people["carol"], backend="django.contrib.auth.backends.ModelBackend")
    make_stale(client)

    changed = client.post(path, {"role": "admin"}, headers={"Referer": f"http://testserver{path}"})
    ended = client.post("/admin/gateway/membership/", {"action": "end", "_selected_action": [str(membership.pk)]})

    assert {changed.status_code, ended.status_code} == {302}
    assert changed["Location"].startswith("/sudo/?next=%2Fadmin%2Fgateway%2Fmembership%2F")
    assert ended["Location"] == "/sudo/?next=%2Fadmin%2F&unsent=1"
    membership.refresh_from_db()
    assert (membership.role, membership.archived_at) == ("developer", None)
    assert make_stale(reader).get(path).status_code == 200


API = "/api/v1"


def calls(company: factories.Acme) -> list[tuple[str, str, dict[str, Any]]]:
    member = Membership.objects.get(user=company.people["bob"])
    return [
        ("post", "api-keys", {"project": str(company.assistant.pk), "name": "x"}),
        ("post", "providers", {"slug": "v", "name": "V", "base_url": "https://93.184.216.34/v1"}),
        ("post", "invitations", {"email": "f@example.com", "role": "developer"}),
        ("patch", f"memberships/{member.pk}", {"role": "analyst"}),
        ("patch", f"organizations/{company.organization.pk}", {"name": "Acme Ltd"}),
        ("post", "end-user-erasures", {"end_user": "customer-17"}),
        ("patch", "retention", {"export_days": 30}),
        ("get", "audit-events/export", {}),
        ("patch", "prices/settings", {"backfills_unpriced": False}),
        ("post", "prices/overrides", {"provider": "openai", "model": "gpt-4o", "discount_percent": "5",
                                      "valid_from": "2026-11-01T00:00:00Z"}),
        ("post", "reports", {"name": "Out", "shares_outside": True}),
        ("patch", f"reports/{member.pk}", {"shares_outside": True}),
        ("post", f"reports/{member.pk}/run", {"sends": True}),
        ("post", f"reports/runs/{member.pk}/deliveries/{member.pk}/send-again", {}),
        ("post", f"cost/statements/{member.pk}/mail", {}),
        ("post", "analytics/exports", {"format": "csv", "query": {"start": "2026-11-01T00:00:00Z",
                                       "end": "2026-11-02T00:00:00Z", "measures": ["requests"]}}),
    ]  # fmt: skip


def test_the_api_asks_sessions_and_neither_keys_nor_tokens(company: factories.Acme, alice: User) -> None:
    session = APIClient()
    session.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    make_stale(session)
    token, key = APIClient(), APIClient()
    token.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(user=alice).access}")
    key.credentials(HTTP_AUTHORIZATION=f"Bearer {company.secrets['write']}")

    for method, path, body in calls(company):
        refused = getattr(session, method)(f"{API}/{path}", body)
        assert (refused.status_code, refused.json()["code"]) == (403, "sudo_required"), path
        assert "/sudo/ and call again" in refused.json()["detail"]
    assert token.patch(f"{API}/prices/settings", {"backfills_unpriced": False}).status_code == 200
    assert key.patch(f"{API}/prices/settings", {"backfills_unpriced": True}).status_code == 200
    assert session.get(f"{API}/api-keys").status_code == 200
    assert session.patch(f"{API}/projects/{Project.objects.first().pk}", {"name": "Still"}).status_code == 200  # type: ignore[union-attr]


SECRETS = {"secret", "credential", "password", "new_password", "current_password", "token", "recovery_codes"}
PRICES = re.compile(r"/(prices|exchange-rates|commitments)\b")
UNASKED = {
    "POST /api/v1/auth/token": "this is the proof itself, before there is a session",
    "POST /api/v1/auth/password-reset/confirm": "by the token in the mail, without a session",
    "POST /api/v1/invitations/accept": "by the token in the mail, without a session",
    "POST /api/v1/me/password": "asks for the present password with the call",
    "POST /api/v1/sdk/playground": "a key for a quarter of an hour, with a small budget; the page opens one too",
    "GET /api/v1/sdk/builds/{id}/download": "a package: what the API is like, no figure and no secret",
    "GET /api/v1/sdk/documentation/{language}/llms.txt": "documentation",
    "GET /api/v1/admin/dashboard/stream": "a feed of what the page shows, no file",
}


def test_whatever_gives_a_secret_a_file_or_a_price_asks_or_is_said_here() -> None:
    """By what the document says that operations take and answer; what asks beyond that is listed above."""
    sensitive, asking = set(), set()
    for path, item in openapi.document()["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            if why_sensitive(method, path, operation):
                sensitive.add(name)
            if asks(method, path):
                asking.add(name)

    assert len(asking) > 30
    assert sensitive - asking == set(UNASKED)


def why_sensitive(method: str, path: str, operation: dict[str, Any]) -> str:
    """Empty when it is not."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    contents = [body.get("content", {}) for body in (operation.get("requestBody", {}), *answers)]
    if any(fields_of(content["schema"]) & SECRETS for body in contents for content in body.values() if content):
        return "secret"
    if any(set(answer.get("content", {})) - {"application/json"} for answer in answers):
        return "file"
    if method == "post" and path.endswith("/exports"):
        return "file"
    is_write = method != "get" and not getattr(view_of(method, path)[0], "only_reads", False)
    return "price" if is_write and PRICES.search(path) else ""


def fields_of(schema: dict[str, Any]) -> set[str]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return set(openapi.document()["components"]["schemas"].get(name, schema).get("properties", {}))


def asks(method: str, path: str) -> bool:
    view, action = view_of(method, path)
    return action in getattr(view, "confirmed_actions", ())


def view_of(method: str, path: str) -> tuple[Any, str]:
    """The class behind an operation, and its action."""
    path = path.replace("{number}", "1").replace("{template_id}", "tone")
    for sample in ("0192f0c4-0000-7000-8000-000000000000", "python"):
        with suppress(Resolver404):
            found: Any = resolve(re.sub(r"\{\w+\}", sample, path)).func
            actions = getattr(found, "actions", None) or {}
            return getattr(found, "cls", None) or getattr(found, "view_class", None), actions.get(method, method)
    raise AssertionError(path)
