"""Azure OpenAI's fine-tuning API: OpenAI's paths, with words and gaps of its own.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/fine-tuning and printed answers of real jobs:
`pending` before `running`, -1 for `auto`, null for method and result files, and `trained_tokens` that are not what is
billed: that is in the event "Training tokens billed: 5000" alone.
"""

import re
from dataclasses import replace
from typing import Any

from finetuning.backends.base import NotOffered, Seen
from finetuning.backends.http import Api
from finetuning.backends.openai import HYPERPARAMETERS, OpenAIBackend, provider_of
from finetuning.models import JobEvent, TuningJob
from gateway import provideroptions

FILES_VERSION = "2024-10-21"
"""Of dated versions, the oldest with what is used here."""
BILLED = re.compile(r"training tokens billed:\s*([\d,]+)", re.IGNORECASE)


class AzureBackend(OpenAIBackend):
    """A resource of Azure OpenAI, on its v1 surface or a dated version."""

    def look(self, job: TuningJob) -> Seen:
        """With the billed tokens, once they are told."""
        seen = super().look(job)
        return replace(seen, billed_tokens=self._billed(job)) if seen.status == "succeeded" else seen

    def pause(self, job: TuningJob) -> Seen:
        raise NotOffered("Azure OpenAI cannot pause a job.")

    def resume(self, job: TuningJob) -> Seen:
        raise NotOffered("Azure OpenAI cannot resume a job.")

    def api(self, job: TuningJob) -> Api:
        provider = provider_of(job)
        root = provider.base_url.removesuffix("/v1").removesuffix("/openai")
        version = provider.options.get(provideroptions.API_VERSION, provideroptions.V1)
        if version == provideroptions.V1:
            return Api(provider, f"{root}/openai/v1")
        return Api(provider, f"{root}/openai", query={"api-version": max(version, FILES_VERSION)})

    def method_of(self, job: TuningJob) -> dict[str, Any]:
        """A supervised job's hyperparameters stand at the top level, where every version reads them."""
        if job.method != "supervised":
            return super().method_of(job)
        wished = {name: job.hyperparameters[name] for name in HYPERPARAMETERS if name in job.hyperparameters}
        numbers = {name: value for name, value in wished.items() if value != "auto"}
        return {"hyperparameters": numbers} if numbers else {}

    def _billed(self, job: TuningJob) -> int | None:
        """Of an event that is stored, else of those that are new."""
        stored = JobEvent.objects.filter(job=job, message__icontains="tokens billed").values_list("message", flat=True)
        for message in (*stored, *(told.message for told in self.events(job))):
            if match := BILLED.search(message):
                return int(match[1].replace(",", ""))
        return None
