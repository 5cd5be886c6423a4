"""Names of fields as people read them: `rpm_limit` → RPM limit, `ttl_s` → TTL (s), `is_enabled` → enabled.

Set on the loaded models for forms and lists. Migrations do not see it: they read what a field was declared with. So
it is with models whose pages have another name in the menu.
"""

from typing import Any

from django.apps import apps
from django.contrib import admin

ACRONYMS = {
    "hmac": "HMAC", "hmacs": "HMACs", "id": "ID", "ip": "IP", "json": "JSON", "rpm": "RPM", "tpm": "TPM", "ttl": "TTL",
    "url": "URL",
}  # fmt: skip
UNITS = {"ms": "(ms)", "s": "(s)", "bytes": "(bytes)"}
PLURALS = {"gateway.Membership": "people"}
APPS = frozenset({"gateway", "costs", "analytics", "finetuning"})


def words(name: str) -> str:
    """The label of a column's name, beginning with a small letter unless it is an acronym."""
    parts = name.removeprefix("is_").split("_")
    named = [ACRONYMS.get(part, part) for part in parts]
    if len(named) > 1 and parts[-1] in UNITS:
        named[-1] = UNITS[parts[-1]]
    return " ".join(named)


def name_fields(site: admin.AdminSite = admin.site) -> None:
    """Label the fields of our own registered models, but for those that a model names itself."""
    for name, plural in PLURALS.items():
        apps.get_model(name)._meta.verbose_name_plural = plural
    for model in site._registry:
        if model._meta.app_label in APPS:
            for field in model._meta.fields:
                _name(field)


def _name(field: Any) -> None:
    if field._verbose_name is None:
        field.verbose_name = words(field.name)
