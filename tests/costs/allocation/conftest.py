import pytest

from tests.factories import Acme, acme


@pytest.fixture
def company(db: None) -> Acme:
    return acme()
