"""Control endpoints for tests and benchmarks, under `/_sim/`; they need no key and are not logged.

GET stats · GET log?since=<seq> · GET config · POST config {…} · POST reset
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from gateway.simulator.faults import parse_fault
from gateway.simulator.options import Down
from gateway.simulator.server import Exchange

if TYPE_CHECKING:
    from gateway.simulator.app import Simulator

_CHANGEABLE = {
    "latency_ms",
    "tokens_per_s",
    "error_rate",
    "rpm",
    "tpm",
    "seed",
    "instant",
    "any_model",
    "usage",
    "tuning_ms",
}
_DOWN: dict[bool | str, Down] = {False: "", True: "503", "503": "503", "close": "close"}


def answer_control(simulator: Simulator, exchange: Exchange) -> None:
    """Answer one `/_sim/…` request."""
    route = (exchange.method, exchange.path.removeprefix(b"/_sim/"))
    try:
        match route:
            case (b"GET", b"stats"):
                answer: dict[str, Any] = simulator.log.stats()
            case (b"GET", b"log"):
                answer = _log_since(simulator, exchange.query)
            case (b"GET", b"config"):
                answer = _config(simulator)
            case (b"POST", b"config"):
                _change(simulator, orjson.loads(exchange.body))
                answer = _config(simulator)
            case (b"POST", b"reset"):
                simulator.reset()
                answer = simulator.log.stats()
            case _:
                exchange.respond(404, b'{"error":"no such control endpoint"}')
                return
    except (ValueError, TypeError) as error:
        exchange.respond(400, orjson.dumps({"error": str(error)}))
        return
    exchange.respond(200, orjson.dumps(answer))


def _log_since(simulator: Simulator, query: bytes) -> dict[str, Any]:
    """Records with `seq` above `since`, oldest first; the last 50,000 are kept."""
    since = int(parse_qs(query.decode("latin-1")).get("since", ["0"])[-1])
    return {"last_seq": simulator.log.seq, "records": [r.as_dict() for r in simulator.log.records if r.seq > since]}


def _config(simulator: Simulator) -> dict[str, Any]:
    waiting = [fault and f"{fault.kind}@{fault.argument}" for fault in simulator.next_faults]
    return asdict(simulator.options) | {"down": simulator.down, "next_faults": waiting}


def _change(simulator: Simulator, changes: Any) -> None:
    """Apply `changes`, all or none. Raises `ValueError` or `TypeError` when one of them is not possible.

    `down`: false, true or "503" (every `/v1` request gets 503), "close" (a TCP reset). `next_faults`: faults, or null
    for none, of the next requests in order of arrival.
    """
    if not isinstance(changes, dict):
        raise TypeError("expected an object")
    if unknown := set(changes) - _CHANGEABLE - {"down", "next_faults"}:
        raise ValueError(f"cannot change {', '.join(sorted(unknown))}")
    down = changes.get("down", simulator.down or False)
    if down not in _DOWN:
        raise ValueError('down must be false, true, "503" or "close"')
    faults = [None if text is None else parse_fault(text) for text in changes.get("next_faults", ())]
    simulator.options = replace(simulator.options, **{k: v for k, v in changes.items() if k in _CHANGEABLE})
    simulator.down = _DOWN[down]
    if "next_faults" in changes:
        simulator.next_faults.clear()
        simulator.next_faults.extend(faults)
