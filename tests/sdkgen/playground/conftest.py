"""The callers of the management API's tests, and static files that were not collected."""

from tests.console.conftest import plain_static  # noqa: F401
from tests.gateway.api.conftest import caller, company  # noqa: F401  (fixtures)
