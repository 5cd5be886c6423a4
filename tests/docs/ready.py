"""Run in an installation's shell: what `manage.py doctor --strict` asks of one that goes live."""

from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from config.backup import BACKUP_MADE, BACKUP_VERIFIED
from costs.invoices.models import Invoice, InvoiceState
from costs.services.budgets import create_budget
from gateway import credentials
from gateway.choices import LimitScope, Role
from gateway.models import Heartbeat, Membership, Organization, OutboxMessage, SecondFactor, User
from gateway.services import audit

now = timezone.now()
SECRET = credentials.encrypt("A" * 32)
root = User.objects.create_superuser("root", "root@example.com")
organizations = list(Organization.objects.all())
Organization.objects.update(requires_second_factor=True)
owners = [User.objects.create_user(name, f"{name}@example.com") for name in ("olga", "omar")]
for organization in organizations:
    for owner in owners:
        Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    create_budget(
        organization=organization, actor=root, name="Everything", scope=LimitScope.ORGANIZATION, amount=Decimal(100),
        currency="USD",
    )  # fmt: skip
for person in User.objects.filter(is_superuser=True):
    SecondFactor.objects.get_or_create(user=person, defaults={"secret": SECRET, "confirmed_at": now})
OutboxMessage.objects.create(topic="mail", dedupe_key="ready", payload={}, due_at=now, delivered_at=now)
with transaction.atomic():
    audit.record(organization=organizations[0], actor=root, verb="directory.deactivate", target=root)
audit.seal()
Invoice.objects.create(
    organization=organizations[0], file_name="invoice.csv", format="openai", digest="0" * 64, size_bytes=1,
    state=InvoiceState.READY, vendor="openai", start=(now - timedelta(days=40)).date(),
    end=(now - timedelta(days=9)).date(),
)  # fmt: skip
for name in (BACKUP_MADE, BACKUP_VERIFIED):
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now, "info": {"file": "backup.tar"}})
