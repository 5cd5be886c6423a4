"""Options of one simulated provider, shared by `python -m gateway.simulator` and `manage.py simulate_provider`."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from gateway.simulator.tuning import PHASE_MS

READY_PREFIX = "Simulated provider listening on "  # printed with the URL once it accepts connections
Down = Literal["", "503", "close"]


@dataclass(slots=True)
class SimulatorOptions:
    """What a running simulator may be told, at start or by `POST /_sim/config`.

    `latency_ms` is the median time to first token and `tokens_per_s` the median output rate of every model;
    `None` takes each model's own figures from the catalogue, 0 means no delay. `error_rate` is a share in [0, 1].
    `rpm` and `tpm` limit every API key per minute; 0 means no limit. `usage` is reported for every text that is made,
    by the names of `calls.Usage`, whatever was really said; `None` counts. `tuning_ms` is the time of each of the six
    phases of a tuning run; `None` is 5 s; with 0, or without delays, a run goes on by one each time it is asked about.
    """

    host: str = "127.0.0.1"
    port: int = 9100
    latency_ms: float | None = None
    tokens_per_s: float | None = None
    error_rate: float = 0.0
    seed: int = 7
    rpm: int = 0
    tpm: int = 0
    log: str | None = None
    instant: bool = False
    any_model: bool = False
    until_eof: bool = False
    usage: dict[str, int] | None = None
    tuning_ms: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.error_rate <= 1:
            raise ValueError("error rate must lie between 0 and 1")
        for name in ("latency_ms", "tokens_per_s", "rpm", "tpm", "tuning_ms"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} must not be negative")


def phase_ms(options: SimulatorOptions) -> float:
    """Milliseconds of a phase of a tuning run; 0: it goes on by one each time it is asked about."""
    if options.tuning_ms is not None:
        return options.tuning_ms
    return 0.0 if options.instant or options.latency_ms == 0 else PHASE_MS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every option of the simulator to `parser`."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=9100, help="TCP port, 0 takes a free one and prints it (default %(default)s)")
    add("--latency-ms", type=float, help="median time to first token of every model; default: each model's own")
    add("--tokens-per-s", type=float, help="median output rate of every model, 0 = no delay; default: each model's own")
    add("--error-rate", type=float, default=0.0, help="share of requests answered by 429, 500 or 503 (default 0)")
    add("--seed", type=int, default=7, help="seed of texts, token counts, delays and errors (default %(default)s)")
    add("--rpm", type=int, default=0, help="requests per minute and API key, 0 = no limit (default 0)")
    add("--tpm", type=int, default=0, help="tokens per minute and API key, 0 = no limit (default 0)")
    add("--log", metavar="FILE", help="append one JSON line when a request was read and one when it ended")
    add("--instant", action="store_true", help="no delays and one fixed, precomputed answer (benchmark upstream)")
    add("--tuning-ms", type=float, help="time of each phase of a tuning run; 0 = one phase each time it is asked about")
    add("--any-model", action="store_true", help="accept model names outside the catalogue")
    add("--until-eof", action="store_true", help="stop when standard input closes, so that a killed parent ends it")


def options_from(values: Mapping[str, Any]) -> SimulatorOptions:
    """Options out of parsed arguments; other keys are ignored. Raises `ValueError` for a value out of range."""
    names = {field.name for field in fields(SimulatorOptions)}
    return SimulatorOptions(**{name: value for name, value in values.items() if name in names})
