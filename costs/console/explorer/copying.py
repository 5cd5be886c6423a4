"""The question of the page as an API call."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pprint import pformat
from typing import Any

from costs.console.explorer.state import ExplorerState
from gateway.console.parts import Sample


def samples(state: ExplorerState, base_url: str) -> list[Sample]:
    """`POST cost/report` as curl and Python; the window as instants, so that it stays what is shown."""
    url = f"{base_url}/api/v1/cost/report"
    question = asked(state)
    body = json.dumps(question, indent=2)
    curl = " \\\n  ".join(
        [f"curl {url}", '-H "Authorization: Bearer $MANAGEMENT_KEY"', f'-H "X-Organization: {state.organization}"',
         '-H "Content-Type: application/json"', f"-d {_quoted(body)}"]
    )  # fmt: skip
    python = "\n".join([
        "import json, os, urllib.request", "", f"body = {pformat(question, sort_dicts=False, width=100)}",
        f'request = urllib.request.Request("{url}", json.dumps(body).encode(), {{',
        '    "Authorization": f"Bearer {os.environ[\'MANAGEMENT_KEY\']}",',
        f'    "X-Organization": "{state.organization}", "Content-Type": "application/json",', "})",
        "print(json.load(urllib.request.urlopen(request))[\"groups\"])",
    ])  # fmt: skip
    return [Sample("curl", curl), Sample("Python", python)]


def asked(state: ExplorerState) -> dict[str, Any]:
    """The body of the request."""
    compared = state.compared
    filters = [{"dimension": each.dimension, "op": each.op, "values": list(each.values)} for each in state.conditions]
    return {
        "start": _instant(state.period.start), "end": _instant(state.period.end), "timezone": state.period.zone,
        "granularity": state.grain, "measures": list(state.measures), "group_by": list(state.by_both),
        "filters": filters, "limit": state.top,
        "compare_to": compared if isinstance(compared, str)
        else {"start": _instant(compared[0]), "end": _instant(compared[1])},
    }  # fmt: skip


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
