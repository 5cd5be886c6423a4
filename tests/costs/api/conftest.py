"""The callers of the management API's tests, and the small ledger of March that analytics' tests have."""

from tests.analytics.api.conftest import ask, busy, document, fits  # noqa: F401
from tests.gateway.api.conftest import caller, company  # noqa: F401
