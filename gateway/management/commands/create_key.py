"""`manage.py create_key`: issue a virtual or management key and show its secret once."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from gateway.choices import Scope
from gateway.models import Organization, Project, User
from gateway.services import identity, keys
from gateway.services.errors import ServiceError

MAX_DAYS = 36_500


class Command(BaseCommand):
    """JSON out: `{"id", "prefix", "secret"}`."""

    help = "Create a key of an organization; the secret is shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument(
            "--project", default="default", metavar="SLUG", help="Made when it is `default` and missing."
        )
        parser.add_argument("--name", default="", help="What the key is for.")
        parser.add_argument("--user", default="", metavar="USERNAME", help="Owner; without one it is a service key.")
        parser.add_argument("--budget", default=None, metavar="AMOUNT", help="Spend limit in the reporting currency.")
        parser.add_argument("--rpm", type=int, default=None, metavar="N", help="Requests per minute.")
        parser.add_argument("--tpm", type=int, default=None, metavar="N", help="Tokens per minute.")
        parser.add_argument("--models", default="", metavar="A,B", help="Models and routes it may use; none: all.")
        parser.add_argument("--scopes", default=Scope.INFERENCE.value, metavar="A,B", help=", ".join(Scope.values))
        parser.add_argument("--expires-days", type=int, default=None, metavar="N")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            issued = self._issue(options)
        except ServiceError as error:
            raise CommandError(error.message) from None
        answer = {"id": str(issued.key.pk), "prefix": issued.key.prefix, "secret": issued.secret}
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(f"{issued.secret}\nShown once; keep it now. Key {issued.key.pk}.")

    @transaction.atomic
    def _issue(self, options: dict[str, Any]) -> keys.IssuedKey:
        organization = self._organization(options["organization"])
        expires = options["expires_days"]
        if expires is not None and not 1 <= expires <= MAX_DAYS:
            raise CommandError(f"--expires-days is from 1 to {MAX_DAYS:,}.")
        return keys.create_key(
            organization=organization,
            project=_project(organization, options["project"]),
            actor=None,
            user=_user(options["user"]),
            name=options["name"] or f"{options['project']} key",
            scopes=_names(options["scopes"]),
            allowed_models=_names(options["models"]),
            rpm_limit=options["rpm"],
            tpm_limit=options["tpm"],
            budget_amount=_amount(options["budget"]),
            expires_at=timezone.now() + timedelta(days=expires) if expires is not None else None,
        )

    def _organization(self, slug: str) -> Organization:
        """A fresh installation's first key makes its organization too; later a slug must exist (it may be mistyped)."""
        if Organization.objects.exists():
            return organization_of(slug)
        self.stderr.write(f"Made the organization {slug!r}: it is the first one.")
        return identity.create_organization(actor=None, slug=slug, name=slug.replace("-", " ").capitalize())


def organization_of(slug: str, *, is_archived_fine: bool = False) -> Organization:
    """The organization with this slug, an active one unless `is_archived_fine`; raises `CommandError`."""
    among = Organization.objects.all() if is_archived_fine else Organization.objects.active()
    found = among.filter(slug=slug).first()
    if found is None:
        known = ", ".join(among.values_list("slug", flat=True)[:10]) or "none yet"
        raise CommandError(f"No organization {slug!r}. There are: {known}.")
    return found


def _project(organization: Organization, slug: str) -> Project:
    if slug == "default":
        return identity.ensure_default_project(organization=organization, actor=None)
    found = Project.objects.active().filter(organization=organization, slug=slug).first()
    if found is None:
        raise CommandError(f"No project {slug!r} in {organization.slug!r}.")
    return found


def _user(username: str) -> User | None:
    if not username:
        return None
    found = User.objects.filter(username=username).first()
    if found is None:
        raise CommandError(f"No user {username!r}.")
    return found


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise CommandError(f"--budget {text!r} is not an amount.") from None
    if not amount.is_finite() or amount < 0:
        raise CommandError(f"--budget {text!r} is not an amount.")
    return amount
