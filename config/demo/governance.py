"""What people and the directory of the demo company did about privacy and security: days of retention, an end user who
asked to be forgotten, somebody whom the directory brought, and what guardrails found lately."""

from datetime import timedelta

from django.db import transaction

from config.demo.company import Company, email
from gateway.models import Guardrail, Job, Organization, SecurityEvent, User
from gateway.scim.people import Wanted
from gateway.services import erasure, provisioning, retention

NOTE = "governance"
END_USER_DAYS, EXPORT_DAYS = 540, 7
FORGOTTEN = "customer-0017"
"""One of support's end users; in demos of a few days there may be no line of theirs."""
NEWCOMER = ("Ada", "Nyberg", "00u1fjord17")
# guardrail → (project and key that called, what was found, what was done, times on each of the days before the last)
FOUND: dict[str, tuple[tuple[str, str], str, str, tuple[int, ...]]] = {
    "Customers' data": (("support-assistant", "production"), "email", "redact", (14, 11, 17, 9, 4, 3, 12)),
    "Secrets in code": (("dev-copilot", "theo-laptop"), "github_token", "block", (0, 1, 0, 0, 0, 0, 2)),
    "Prompt injection": (("answer-search", "production"), "prompt_injection", "flag", (2, 0, 5, 1, 0, 0, 3)),
}


def ensure_governance(job: Job, company: Company) -> bool:
    """Make it once, when every day is in. The erasure runs here, not in the background, so that the page shows it done;
    when this is ended before, the background process goes on."""
    if not _decide(job, company):
        return False
    erasure.run_waiting()
    return True


@transaction.atomic
def _decide(job: Job, company: Company) -> bool:
    locked = Job.objects.select_for_update().get(pk=job.pk)
    result = locked.result or {"days": {}}
    if NOTE in result:
        return False
    organization = Organization.objects.get(pk=company.organization)
    owner, administrator = (User.objects.get(pk=company.user(index)) for index in (0, 1))
    most = retention.most_end_user_days()
    days = END_USER_DAYS if most is None else min(END_USER_DAYS, most)
    retention.set_retention(organization=organization, actor=owner, end_user_days=days or None, export_days=EXPORT_DAYS)
    _provision(company, organization)
    _note_findings(company, organization)
    erasure.erase_end_user(organization=organization, end_user=FORGOTTEN, actor=administrator)
    locked.result = {**result, NOTE: 1}
    locked.save(update_fields=["result", "updated_at"])
    return True


def _provision(company: Company, organization: Organization) -> None:
    """As a directory does by SCIM; nobody can sign in as this person either."""
    first, last, external = NEWCOMER
    address = email(f"{first} {last}", company.slug)
    wanted = Wanted(
        user_name=address, external_id=external, email=address, first_name=first, last_name=last, is_active=True
    )
    provisioning.provision_person(organization=organization, actor=None, wanted=wanted)


def _note_findings(company: Company, organization: Organization) -> None:
    """As data planes count what guardrails find: never the texts."""
    rails = {rail.name: rail.pk for rail in Guardrail.objects.filter(organization=organization)}
    keys = {(key.project, key.name): company.key(key) for key in company.keys}
    SecurityEvent.objects.bulk_create(
        SecurityEvent(
            id=company.id_of("security event", f"{name} {before}"), kind="guardrail", organization=organization.pk,
            at=company.calendar.until - timedelta(days=before, hours=3), api_key=keys[caller], count=times,
            guardrail=rails[name], action=action, details=what,
        )
        for name, (caller, what, action, days) in FOUND.items()
        for before, times in enumerate(days)
        if times
    )  # fmt: skip
