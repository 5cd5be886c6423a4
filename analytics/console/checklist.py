"""The first-run checklist: steps that tick themselves off as the facts become true."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from gateway.models import Model, Organization, Provider, User, VirtualKey


@dataclass(frozen=True, slots=True)
class Steps:
    """What is already there. The last step, the first request, is done when this list is no longer shown."""

    provider: bool
    model: bool
    key: bool

    @property
    def done(self) -> int:
        return sum((self.provider, self.model, self.key))


def first_steps(user: User, organization: Organization) -> Steps:
    """One query."""
    here = Q(organization=organization) | Q(organization=None)
    facts = (
        Organization.objects.filter(pk=organization.pk)
        .annotate(
            has_provider=Exists(Provider.objects.filter(here, is_enabled=True)),
            has_model=Exists(Model.objects.filter(here, is_enabled=True, provider__is_enabled=True)),
            has_key=Exists(VirtualKey.objects.visible_to(user).filter(organization=OuterRef("pk"), revoked_at=None)),
        )
        .values_list("has_provider", "has_model", "has_key")
        .get()
    )
    return Steps(*facts)


def commands(slug: str) -> dict[str, str]:
    """The command of each step for the organization, as the page prints it."""
    here = f"--organization {slug}"
    vendor = "openai --kind openai --base-url https://api.openai.com/v1 --api-key-env OPENAI_API_KEY"
    return {
        "provider_command": f"python manage.py set_provider {vendor} {here}",
        "model_command": f"python manage.py add_model gpt-4o-mini --provider openai {here}",
        "key_command": f"python manage.py create_key {here} --json",
    }
