"""The two gateways we are compared with, each in an environment of its own under `bench/.envs/`.

`BENCH_PEERS_DIR` names a directory with ready copies (`litellm/`, a virtual environment; `portkey/node_modules/`).
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.common import LOAD_CORE, MEASURED_CORE, ROOT, pin_tree
from bench.stack import MODEL, end, free_port, wait_for
from config.embedded.processes import spawn

PORTKEY_VERSION = "1.15.2"
LITELLM_VERSION = "1.106.2"
MASTER_KEY = "sk-bench-master-key"
START_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Target:
    """Something that takes the load: where, with which headers, and whose processor time counts."""

    name: str
    url: str
    headers: Mapping[str, str]
    pid: int
    version: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


def directory() -> Path:
    """Where the peers are installed."""
    return Path(os.environ.get("BENCH_PEERS_DIR") or ROOT / "bench" / ".envs")


def install_portkey() -> Path:
    """The server's script, installed with npm when it is missing."""
    home = directory() / "portkey"
    script = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not script.exists():
        home.mkdir(parents=True, exist_ok=True)
        print(f"installing @portkey-ai/gateway {PORTKEY_VERSION} ...", flush=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home),
             f"@portkey-ai/gateway@{PORTKEY_VERSION}"],
            check=True, cwd=home,
        )  # fmt: skip
    return script


def install_litellm() -> Path:
    """The `litellm` program, installed with pip into its own virtual environment when it is missing."""
    home = directory() / "litellm"
    program = home / "bin" / "litellm"
    if not program.exists():
        print(f"installing litellm[proxy] {LITELLM_VERSION} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"litellm[proxy]=={LITELLM_VERSION}"], check=True)
    return program


@contextmanager
def portkey(upstream: str, scratch: Path) -> Iterator[Target]:
    """Portkey's open-source gateway, passing through to `upstream` (which ends in /v1)."""
    script, port = install_portkey(), free_port()
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": upstream,
        "Authorization": "Bearer sk-bench",
    }
    command = ["node", str(script), f"--port={port}", "--headless"]
    with _running(command, {"NODE_ENV": "production"}, port, scratch / "portkey.log") as process:
        yield Target("Portkey gateway", f"http://127.0.0.1:{port}/v1", headers, process.pid, PORTKEY_VERSION)


@contextmanager
def litellm(upstream: str, scratch: Path) -> Iterator[Target]:
    """LiteLLM proxy by its production advice: one worker, no debug output, master key, no database."""
    program, port = install_litellm(), free_port()
    configuration = scratch / "litellm.yaml"
    configuration.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n"
        f"      api_base: {upstream}\n      api_key: sk-bench\n"
        "litellm_settings:\n  set_verbose: false\n  json_logs: true\n  request_timeout: 600\n"
        f"general_settings:\n  master_key: {MASTER_KEY}\n"
    )
    env = {
        "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False", "NO_PROXY": "*",
    }  # fmt: skip
    command = [str(program), "--config", str(configuration), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    with _running(command, env, port, scratch / "litellm.log") as process:
        headers = {"Authorization": f"Bearer {MASTER_KEY}"}
        yield Target("LiteLLM proxy", f"http://127.0.0.1:{port}/v1", headers, process.pid, litellm_version(program))


def litellm_version(program: Path) -> str:
    """What is installed, which a ready copy may differ in."""
    code = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.check_output([str(program.with_name("python")), "-c", code], text=True).strip()


@contextmanager
def _running(command: list[str], env: Mapping[str, str], port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A peer on the core it is measured on; started on the other one's time."""
    with log.open("wb") as output:
        around = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        process = spawn(command, output=output, env=around | dict(env), cwd=log.parent)
    try:
        wait_for(lambda: process.poll() is not None or _listens(port), START_TIMEOUT_S, command[0])
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended:\n{log.read_text()[-2000:]}")
        pin_tree(process.pid, MEASURED_CORE)
        yield process
    finally:
        pin_tree(process.pid, LOAD_CORE) if process.poll() is None else None
        end(process, patience=10.0)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
