"""Checks of what a go-live asks of people, secrets, mail and money: nothing here is broken, something is unfinished.

They are asked in production alone, where `doctor --strict` takes a warning for a failure (docs/go-live.md).
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps
from itertools import islice

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from config.doctor.data import SILENT_DATABASE, unreachable
from config.doctor.finding import Check, Finding, off, ok, skipped, warning
from costs.invoices.models import Invoice, InvoiceState
from costs.models import Budget
from costs.services.repricing import unpriced
from gateway import keyring
from gateway.choices import Role, Scope
from gateway.models import AuditEvent, Organization, OutboxMessage, ProvisionedPerson, User, VirtualKey
from gateway.services.outbox import MAIL

OWNERS = 2
UNPRICED_WITHIN = timedelta(days=7)
INVOICED_WITHIN = timedelta(days=62)
MANAGE = [Scope.MANAGE_READ, Scope.MANAGE_WRITE]
NAMED = 5


def in_production(label: str) -> Callable[[Check], Check]:
    """Off, under this label, in another profile; skipped while the database does not answer."""

    def wrap(check: Check) -> Check:
        @wraps(check)
        def checked() -> Finding:
            if not settings.IS_PRODUCTION:
                return off(label, "asked in production (GATEWAY_PROFILE)")
            return skipped(label, SILENT_DATABASE) if unreachable() else check()

        return checked

    return wrap


def _some(names: Iterable[str]) -> str:
    """The first few."""
    first = list(islice(names, NAMED + 1))
    return ", ".join(first[:NAMED]) + (" …" if len(first) > NAMED else "")


@in_production("First password")
def first_password() -> Finding:
    """The file with the generated password of the administrator is gone."""
    path = settings.DATA_DIR / "admin-password"
    if path.exists():
        return warning("First password", f"{path} is still there", "Change the password, then delete the file.")
    return ok("First password", "its file is gone")


@in_production("Owners")
def owners() -> Finding:
    """Every organization has two people who may do everything in it."""
    alive = Q(memberships__role=Role.OWNER, memberships__archived_at=None, memberships__user__is_active=True)
    few = Organization.objects.filter(archived_at=None, is_demo=False).annotate(
        owners=Count("memberships", filter=alive)
    )
    if found := few.filter(owners__lt=OWNERS).order_by("slug"):
        detail = f"fewer than {OWNERS}: {_some(found.values_list('slug', flat=True))}"
        return warning("Owners", detail, "Invite another owner, lest one lost device locks everybody out.")
    return ok("Owners", f"{OWNERS} or more in every organization")


@in_production("Second factors")
def second_factors() -> Finding:
    """Superusers have one; everybody else is asked for one, or comes by single sign-on alone."""
    name, people = "Second factors", User.objects.filter(is_superuser=True, is_active=True)
    if found := people.filter(Q(second_factor=None) | Q(second_factor__confirmed_at=None)).order_by("username"):
        detail = f"superusers without: {_some(found.values_list('username', flat=True))}"
        return warning(name, detail, "They set one up under their name → Security.")
    lax = Organization.objects.filter(archived_at=None, is_demo=False, requires_second_factor=False).order_by("slug")
    if settings.PASSWORD_SIGN_IN and lax:
        detail = f"not required by {_some(lax.values_list('slug', flat=True))}"
        return warning(name, detail, "Require them under Organization, or set PASSWORD_SIGN_IN=false.")
    return ok(name, "superusers have one; passwords alone are not enough")


@in_production("Management keys")
def management_keys() -> Finding:
    """Keys that manage have an end."""
    found = VirtualKey.objects.filter(scopes__overlap=MANAGE, revoked_at=None, expires_at=None).order_by("prefix")
    if found:
        detail = f"without an end: {_some(found.values_list('prefix', flat=True))}"
        return warning("Management keys", detail, "Rotate them with an end, and no more scopes than they need.")
    return ok("Management keys", "each has an end")


@in_production("Leavers")
def leavers() -> Finding:
    """A person was ended by the directory once, where one provisions people, so that it is known to work."""
    if not ProvisionedPerson.objects.exists():
        return off("Leavers", "no directory provisions people")
    last = AuditEvent.objects.filter(verb="directory.deactivate").order_by("-at").first()
    if last is None:
        remedy = "End somebody in the directory, and see it in the audit trail (docs/user-guide/signing-in.md)."
        return warning("Leavers", "the directory has never ended anybody", remedy)
    return ok("Leavers", f"the directory ended somebody on {last.at:%Y-%m-%d}")


@in_production("Rotation")
def rotation() -> Finding:
    """Peppers and field keys were rotated once, and no rotation is under way."""
    ring, remedy = keyring.current(fresh=True), "Run `manage.py rotate_secrets`, then with `--retire`."
    if len(ring.field_keys) > 1:
        return warning("Rotation", f"under way: {len(ring.field_keys)} field keys", remedy)
    if max(ring.peppers) == 1:
        return warning("Rotation", "never rotated: the pepper is the first one", remedy)
    return ok("Rotation", f"pepper version {max(ring.peppers)}, one field key")


@in_production("Delivered mail")
def delivered_mail() -> Finding:
    """The newest mail went out, and none was given up."""
    name, mails = "Delivered mail", OutboxMessage.objects.filter(topic=MAIL)
    if count := mails.filter(delivered_at=None).exclude(dead_at=None).count():
        return warning(name, f"{count} were given up", "Settings → Outbox messages has the error of each.")
    last = mails.exclude(delivered_at=None).order_by("-delivered_at").first()
    if last is None:
        return warning(name, "none was ever delivered", "Send yourself one: Reports → Send now.")
    return ok(name, f"the last one on {last.delivered_at:%Y-%m-%d %H:%M} UTC")


@in_production("Prices")
def prices() -> Finding:
    """Nothing of the last days lacks a price."""
    now = timezone.now()
    found = [
        f"{one.provider}/{one.model}"
        for organization in Organization.objects.filter(archived_at=None)
        for one in unpriced(organization=organization, start=now - UNPRICED_WITHIN, end=now)
    ]
    if found:
        return warning("Prices", f"none for {_some(found)}", "Enter them under Costs → Prices → Re-pricing.")
    return ok("Prices", f"every call of {UNPRICED_WITHIN.days} days has one")


@in_production("Budgets")
def budgets() -> Finding:
    """Every organization has one."""
    having = Budget.objects.filter(archived_at=None).values("organization_id")
    without = Organization.objects.filter(archived_at=None, is_demo=False).exclude(pk__in=having).order_by("slug")
    if without:
        detail = f"none in {_some(without.values_list('slug', flat=True))}"
        return warning("Budgets", detail, "Set one, hard where money must not be passed (docs/user-guide/budgets.md).")
    return ok("Budgets", "one or more in every organization")


@in_production("Invoices")
def invoices() -> Finding:
    """One of the last two months was reconciled."""
    since = timezone.now() - INVOICED_WITHIN
    last = Invoice.objects.filter(state=InvoiceState.READY, end__gte=since.date()).order_by("-end").first()
    if last is None:
        remedy = "Upload last month's under Invoices (docs/user-guide/reconciliation.md)."
        return warning("Invoices", f"none of the last {INVOICED_WITHIN.days} days was reconciled", remedy)
    return ok(
        "Invoices", f"{last.vendor or last.file_name} until {last.end:%Y-%m-%d}, drift {last.drift_percent or 0:.2f} %"
    )
