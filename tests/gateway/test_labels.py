"""Labels of fields in forms and lists, and that migrations do not see them."""

import pytest
from django.core.management import call_command

from gateway.admin.labels import words
from gateway.models import Membership, Provider, VirtualKey


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("rpm_limit", "RPM limit"), ("connect_timeout_ms", "connect timeout (ms)"), ("ttl_s", "TTL (s)"),
        ("max_body_bytes", "max body (bytes)"), ("is_enabled", "enabled"), ("base_url", "base URL"), ("s", "s"),
        ("kind", "kind"),
    ],
)  # fmt: skip
def test_words(name: str, label: str) -> None:
    assert words(name) == label


def test_registered_models_are_labelled_and_own_names_stay() -> None:
    assert VirtualKey._meta.get_field("tpm_limit").verbose_name == "TPM limit"
    assert Provider._meta.get_field("total_timeout_ms").verbose_name == "total timeout (ms)"


def test_a_page_is_called_as_in_the_menu() -> None:
    assert Membership._meta.verbose_name_plural == "people"


@pytest.mark.django_db
def test_migrations_do_not_see_labels() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
