"""The callers of the management API, and files and jobs as rows."""

from tests.analytics.api.conftest import document, fits  # noqa: F401
from tests.finetuning.answers.conftest import make_file, make_job, make_tuned  # noqa: F401
from tests.gateway.api.conftest import caller, company  # noqa: F401
