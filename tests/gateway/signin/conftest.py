"""The company of the tests, people with passwords, pages without a static manifest."""

import pytest
from django.core.cache import cache

from gateway.models import User
from tests import factories


@pytest.fixture(autouse=True)
def _static(plain_static_files: None) -> None: ...


@pytest.fixture(autouse=True)
def _fresh_throttles() -> None:
    cache.clear()


@pytest.fixture
def company(db: None) -> factories.Acme:
    return factories.acme()


@pytest.fixture
def alice(company: factories.Acme) -> User:
    """Acme's owner, who knows her password."""
    return with_password(company.people["alice"])


@pytest.fixture
def bob(company: factories.Acme) -> User:
    """A developer, who knows his."""
    return with_password(company.people["bob"])


def with_password(user: User) -> User:
    user.set_password(factories.PASSWORD)
    user.save(update_fields=["password"])
    return user
