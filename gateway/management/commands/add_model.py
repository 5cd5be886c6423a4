"""`manage.py add_model`: create or update a model of a provider."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.management.commands.create_key import organization_of
from gateway.models import Organization, Provider
from gateway.services import catalog
from gateway.services.errors import ServiceError


class Command(BaseCommand):
    """JSON out: `{"id", "name", "upstream_name", "provider", "created"}`. Run again with the same name it updates."""

    help = "Create or update a model; platform-wide unless an organization is named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Public name, as applications send it.")
        parser.add_argument("--provider", required=True, metavar="SLUG")
        parser.add_argument(
            "--upstream", default="", metavar="NAME", help="The provider's own name; the same by default."
        )
        parser.add_argument("--context", type=int, default=None, metavar="N", help="Context window in tokens.")
        parser.add_argument("--max-output", type=int, default=None, metavar="N", help="Longest answer in tokens.")
        parser.add_argument("--capabilities", default="", metavar="A,B", help="e.g. chat,vision,tools,embeddings")
        parser.add_argument("--organization", default="", metavar="SLUG")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = organization_of(options["organization"]) if options["organization"] else None
        provider = _provider(organization, options["provider"])
        try:
            done = catalog.add_model(
                organization=organization, actor=None, provider=provider, name=options["name"], **_fields(options)
            )
        except ServiceError as error:
            raise CommandError(error.message) from None
        model = done.row
        answer = {
            "id": str(model.pk), "name": model.name, "upstream_name": model.upstream_name,
            "provider": provider.slug, "created": done.created,
        }  # fmt: skip
        words = f"Model {model.name} {'created' if done.created else 'updated'} on {provider.slug}."
        self.stdout.write(json.dumps(answer) if options["json"] else words)


def _provider(organization: Organization | None, slug: str) -> Provider:
    """The organization's own provider, else the platform's; raises `CommandError`."""
    rows = {row.organization_id: row for row in Provider.objects.filter(slug=slug)}
    found = (rows.get(organization.pk) if organization else None) or rows.get(None)
    if found is None:
        raise CommandError(f"No provider {slug!r}. Make it with `manage.py set_provider {slug} --base-url …`.")
    return found


def _fields(options: dict[str, Any]) -> catalog.ModelTraits:
    fields: catalog.ModelTraits = {}
    if options["upstream"]:
        fields["upstream_name"] = options["upstream"]
    if options["context"] is not None:
        fields["context_tokens"] = options["context"]
    if options["max_output"] is not None:
        fields["max_output_tokens"] = options["max_output"]
    if options["capabilities"]:
        fields["capabilities"] = [item.strip() for item in options["capabilities"].split(",") if item.strip()]
    return fields
