"""Jobs from templates."""

from collections.abc import Mapping
from typing import Any

from finetuning.choices import Backend
from finetuning.estimates import Method
from finetuning.models import TuningJob
from finetuning.scenarios import Candidate, Scenario
from finetuning.services import jobs
from gateway.services.audit import Actor
from gateway.services.errors import Invalid


def create_from_template(
    *, scenario: Scenario, backend: str = "", base_model: str = "", grader: Mapping[str, Any] | None = None,
    actor: Actor, **fields: Any,
) -> TuningJob:  # fmt: skip
    """A job with the scenario's method and hyperparameters at its first candidate, or at the one of `backend`;
    `base_model`: another model there. `grader`: of scenarios that grade. `fields`: of `jobs.create_job`. Raises as that
    does, and `Invalid` for a backend that the scenario has no candidate at."""
    chosen = _candidate(scenario, backend, base_model)
    if chosen.backend == Backend.DICL:
        if not base_model:
            raise Invalid("base_model_required", "An example bank needs the model that answers.", field="base_model")
        given: dict[str, Any] = {}
    else:
        given = dict(scenario.hyperparameters)
    if chosen.technique:
        given["technique"] = chosen.technique
    if grader:
        given["grader"] = dict(grader)
    if not fields.get("name"):
        fields["name"] = scenario.name
    return jobs.create_job(
        backend=chosen.backend, base_model=base_model or chosen.model, method=scenario.method.value,
        hyperparameters=given, template=scenario.id, actor=actor, **fields,
    )  # fmt: skip


def _candidate(scenario: Scenario, backend: str, base_model: str) -> Candidate:
    if not backend:
        return scenario.candidates[0]
    found = next((one for one in scenario.candidates if one.backend == backend), None)
    if found is None and base_model and scenario.method is not Method.REINFORCEMENT:
        return Candidate(backend, base_model)
    if found is None:
        told = ", ".join(one.backend for one in scenario.candidates)
        more = "" if scenario.method is Method.REINFORCEMENT else "; name a base_model"
        raise Invalid("no_candidate", f"This template has candidates at {told}{more}.", field="backend")
    return found
