"""The callers of the management API's tests."""

from tests.gateway.api.conftest import caller, company  # noqa: F401  (fixtures)
