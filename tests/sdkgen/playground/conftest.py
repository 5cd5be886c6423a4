"""A gateway with a console and a sandbox; the callers of the management API's tests; static files as they are."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.console.company import PASSWORD
from tests.console.conftest import plain_static  # noqa: F401  (fixtures, here and below)
from tests.gateway.api.conftest import caller, company  # noqa: F401
from tests.gateway.dataplane.stack import ROOT, Stack
from tests.sdkgen.csharp.conftest import compiler, csharp_folder, library  # noqa: F401
from tests.sdkgen.go.conftest import go_folder, toolchain  # noqa: F401
from tests.sdkgen.java.conftest import java_classes, java_folder  # noqa: F401

COMPANY = f"""
from config.sandbox import FREE_FROM, ensure_sandbox
from costs.services.prices import set_price_override
from gateway.choices import Role
from gateway.models import Provider, User
from gateway.services import catalog, identity, people

own = identity.create_organization(actor=None, slug="play", name="Play")
identity.create_project(organization=own, actor=None, slug="try", name="Try")
person = User.objects.create_user("pia@play.example", "pia@play.example", "{PASSWORD}")
people.add_member(organization=own, actor=None, user=person, role=Role.ADMIN, may_grant_owner=True)
ensure_sandbox(own, "SIMULATOR", "sk-simulated")
sandbox = Provider.objects.get(organization=own, slug="sandbox")
catalog.add_model(organization=own, actor=None, provider=sandbox, name="paced", upstream_name="sim-paced-150x200")
set_price_override(
    organization=own, actor=None, provider="sandbox", model="sim-paced-150x200", valid_from=FREE_FROM,
    prices={{"input": "0", "output": "0"}},
)
"""


@pytest.fixture(scope="session")
def gateway(stack: Stack) -> Iterator[Stack]:
    """The data plane with a console behind it, as `manage.py up` runs them."""
    environment = {**stack.environment(), "DEBUG": "true"}  # static files from their sources
    code = COMPANY.replace("SIMULATOR", stack.simulator.base_url)
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "--command", code], cwd=ROOT, env=environment, check=True
    )
    socket = stack.data_dir / "run" / "console.sock"
    socket.parent.mkdir(exist_ok=True)
    log = (stack.data_dir / "console.log").open("ab")
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--uds", str(socket), "--proxy-headers"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        stack.wait_for(lambda: stack.get("/admin/login/").status == 200, 60)
        stack.wait_until_current()
        yield stack
    finally:
        process.terminate()
        process.wait(20)
        log.close()
