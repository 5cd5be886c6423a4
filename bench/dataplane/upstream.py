"""The instant upstream: nginx with one fixed chat completion, else the simulated provider's instant mode."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from bench.stack import answers, end, free_port, wait_for
from config.embedded.processes import spawn
from gateway.simulator.process import SimulatorProcess

ANSWER = (
    '{"id":"chatcmpl-bench","object":"chat.completion","created":1767225600,"model":"gpt-4o-mini-2024-07-18",'
    '"choices":[{"index":0,"message":{"role":"assistant","content":"CONTENT","refusal":null},"logprobs":null,'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":152,"completion_tokens":128,"total_tokens":280,'
    '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,'
    '"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default",'
    '"system_fingerprint":"fp_bench"}'
).replace("CONTENT", ("lorem ipsum dolor sit amet " * 22).strip())
CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; default_type application/json;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /status {{ stub_status; }}
    location / {{ return 200 '{answer}'; }}
  }}
}}
"""


def find_nginx() -> str | None:
    """Path of nginx: `BENCH_NGINX`, or where packages put it."""
    given = os.environ.get("BENCH_NGINX")
    return given or shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Nginx:
    """nginx as a child in `directory`; `base_url` ends in /v1. Without a port it takes a free one."""

    own_requests = 1  # `served` counts itself

    def __init__(self, program: str, directory: Path, port: int = 0) -> None:
        self.port = port = port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.url}/v1"
        told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
        self.name = told.split(": ")[-1].strip()
        configuration = directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(directory=directory, port=port, answer=ANSWER))
        errors = str(directory / "error.log")
        self._process = spawn([program, "-p", str(directory), "-c", str(configuration), "-e", errors])
        wait_for(lambda: answers(f"{self.url}/status"), 10, "nginx")

    def served(self) -> int:
        """Requests so far, this one included."""
        with urlopen(f"{self.url}/status", timeout=10) as response:
            found = re.search(r"(\d+) +(\d+) +(\d+)", response.read().decode())
        assert found is not None
        return int(found[3])

    def kill(self) -> None:
        """End it at once, its connections with it."""
        end(self._process, death=signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        end(self._process)


class InstantSimulator(SimulatorProcess):
    """The fall-back without nginx: the same interface on the simulated provider."""

    name = "simulated provider, --instant"
    own_requests = 0

    def __init__(self) -> None:
        super().__init__(instant=True, any_model=True)

    def served(self) -> int:
        """Calls so far; control requests are not counted."""
        return int(sum(self.stats()["by_path"].values()))


def start(directory: Path) -> Nginx | InstantSimulator:
    """The fastest upstream this machine has."""
    program = find_nginx()
    return Nginx(program, directory) if program else InstantSimulator()
