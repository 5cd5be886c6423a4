"""The numbers of a run, the same for every framework: what the job says, else a usual start for LoRA."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUPERVISED, DPO = "supervised", "dpo"
EPOCHS, BATCH_SIZE = 3, 8
MOST_AT_ONCE = 4
"""Examples on the device at once; larger batches are accumulated."""
RATES = {SUPERVISED: 2e-4, DPO: 5e-6}
"""Learning rates of LoRA: TRL's own example for supervised training; for DPO its usual 5e-7 to 5e-6, the upper end."""
BETA = 0.1
LORA, QLORA = "lora", "qlora"
"""With QLoRA the base's weights are held in 4 bits."""


class PlanError(ValueError):
    """A number that no run can have. The message is for people."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`batch_size` = `per_device` × `accumulation` examples a step; `max_length` in tokens; `beta` of DPO alone."""

    base_model: str
    method: str
    seed: int
    epochs: int
    per_device: int
    accumulation: int
    learning_rate: float
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    max_length: int
    in_4bit: bool
    beta: float
    has_validation: bool
    template: str = ""
    """LLaMA-Factory's name of the chat template; empty: guessed from the base model's name."""


def plan_of(
    *, base_model: str, method: str, hyperparameters: Mapping[str, Any], seed: int | None, has_validation: bool
) -> Plan:
    """`auto` and what is missing take the usual start. Raises `PlanError`."""
    if method not in RATES:
        raise PlanError(f"A runner trains with the method supervised or dpo, not {method}.")
    numbers = _Numbers(hyperparameters)
    batch = numbers.whole("batch_size", BATCH_SIZE, 1, 4_096)
    per_device = next(size for size in range(MOST_AT_ONCE, 0, -1) if batch % size == 0)
    rate = numbers.real("learning_rate", RATES[method], 0, 1) * numbers.real("learning_rate_multiplier", 1.0, 0, 1_000)
    return Plan(
        base_model=base_model, method=method, seed=seed or 0, epochs=numbers.whole("n_epochs", EPOCHS, 1, 100),
        per_device=per_device, accumulation=batch // per_device, learning_rate=rate,
        lora_r=numbers.whole("lora_rank", 16, 1, 1_024), lora_alpha=numbers.whole("lora_alpha", 32, 1, 4_096),
        lora_dropout=numbers.real("lora_dropout", 0.05, -1e-9, 0.99),
        max_length=numbers.whole("max_context_length", 2_048, 16, 1_000_000), in_4bit=_is_quantized(hyperparameters),
        beta=numbers.real("beta", BETA, 0, 10), has_validation=has_validation,
        template=str(hyperparameters.get("template") or ""),
    )  # fmt: skip


def _is_quantized(given: Mapping[str, Any]) -> bool:
    technique = given.get("technique") or LORA
    if technique not in (LORA, QLORA):
        raise PlanError(f"technique is {LORA} or {QLORA}: a folder for other tuning is not made.")
    return bool(technique == QLORA)


class _Numbers:
    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def whole(self, name: str, usual: int, least: int, most: int) -> int:
        value = self._value(name, usual)
        if value != int(value) or not least <= value <= most:
            raise PlanError(f"{name} must be a whole number between {least} and {most:,}.")
        return int(value)

    def real(self, name: str, usual: float, above: float, most: float) -> float:
        value = self._value(name, usual)
        if not above < value <= most:
            raise PlanError(f"{name} must lie above {max(above, 0):g} and at most at {most:g}.")
        return float(value)

    def _value(self, name: str, usual: float) -> float:
        value = self._given.get(name)
        if value in (None, "auto"):
            return usual
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PlanError(f'{name} must be a number or "auto".')
        return value
