"""`.env.example` documents every variable that the settings read, and none that they do not."""

import ast
import re
from pathlib import Path

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

    documented = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert documented == read
