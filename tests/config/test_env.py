"""`.env.example` documents every variable that the settings read, and none that they do not."""

import ast
import re
from pathlib import Path

import environ
import pytest

from config import env

ROOT = Path(__file__).resolve().parents[2]


def test_env_example_lists_exactly_what_is_read() -> None:
    calls = [node for node in ast.walk(ast.parse(Path(env.__file__).read_text())) if isinstance(node, ast.Call)]
    read = {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }

    documented = set(re.findall(r"^#([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert documented == read


@pytest.mark.parametrize(
    "entry", ["169.254.169.254:80", "fd00:ec2::254:80", "[fe80::1]:80", "::ffff:169.254.169.254:80", "2852039166:80"]
)
def test_the_settings_cannot_allow_a_metadata_address(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PRIVATE_UPSTREAMS", f"10.0.0.5:8000,{entry}")

    with pytest.raises(environ.ImproperlyConfigured, match="is never called"):
        env.load()


def test_private_upstreams_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PRIVATE_UPSTREAMS", "10.0.0.5:8000,vllm.internal:8000")

    assert env.load().private_upstreams == ("10.0.0.5:8000", "vllm.internal:8000")
