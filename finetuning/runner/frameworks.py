"""A folder for each framework: its configuration in its own documented keys, a pinned installation, a command.

Keys and formats were read in the releases named by `PINS`: TRL `SFTConfig`, `DPOConfig`, `ModelConfig`,
`ScriptArguments` and its "Command Line Interfaces" page; Axolotl "Config Reference" and "Conversation"; LLaMA-Factory
`hparams` and data/README; Unsloth `FastLanguageModel`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from finetuning.runner import datasets
from finetuning.runner.plans import DPO, Plan
from finetuning.runner.unsloth import script
from finetuning.runner.yamlwriting import dump

PINS = {
    "trl": "trl[peft]==1.16.0",
    "axolotl": "axolotl==0.19.0",
    "llama-factory": "llamafactory==0.9.5",
    "unsloth": "unsloth==2026.10.9",
}
OUTPUT = "output"
TEMPLATES = {
    "qwen3": "qwen3", "qwen2": "qwen", "qwen": "qwen", "llama-3": "llama3", "llama3": "llama3", "gemma-3": "gemma3",
    "gemma": "gemma", "mistral": "mistral", "phi-4": "phi4", "deepseek-v3": "deepseek3",
}  # fmt: skip
"""Words of base models' names → LLaMA-Factory's chat templates, the more particular first."""


@dataclass(frozen=True, slots=True)
class Framework:
    """`files`: name → text beside the data; `row`: a training record in its format, for supervised and for DPO."""

    name: str
    label: str
    command: str
    dpo_command: str
    files: Callable[[Plan], Mapping[str, str]]
    row: Callable[[Mapping[str, Any]], dict[str, Any]]
    dpo_row: Callable[[Mapping[str, Any]], dict[str, Any]]
    learns_last: bool = False
    train_name: str = "data/train.jsonl"
    valid_name: str = "data/test.jsonl"

    def command_of(self, plan: Plan) -> str:
        return self.dpo_command if plan.method == DPO else self.command

    def learns_of(self, plan: Plan) -> str:
        """What of a record is learned, for people."""
        if plan.method == DPO:
            return ""
        what = "Of each record the last answer is learned" if self.learns_last else "Every answer is learned"
        return f"{what}; `weight` of messages is not kept."

    def convert(self, plan: Plan, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record in its format. Raises ValueError."""
        return (self.dpo_row if plan.method == DPO else self.row)(record)


def files_of(framework: str, plan: Plan) -> dict[str, str]:
    """The texts of the folder but for data, client and README. Raises KeyError for an unknown framework."""
    found = FRAMEWORKS[framework]
    return {**found.files(plan), "requirements.txt": f"{PINS[framework]}\n"}


def _trl(plan: Plan) -> dict[str, str]:
    config = {
        "model_name_or_path": plan.base_model,
        "dtype": "bfloat16",
        "dataset_name": "./data",
        "dataset_train_split": "train",
        "dataset_test_split": "test",
        "max_length": plan.max_length,
        "use_peft": True,
        "lora_r": plan.lora_r,
        "lora_alpha": plan.lora_alpha,
        "lora_dropout": plan.lora_dropout,
        "lora_target_modules": ["all-linear"],
        "load_in_4bit": plan.in_4bit,
        "output_dir": OUTPUT,
        "num_train_epochs": plan.epochs,
        "per_device_train_batch_size": plan.per_device,
        "gradient_accumulation_steps": plan.accumulation,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": "cosine",
        "gradient_checkpointing": True,
        "bf16": True,
        "seed": plan.seed,
        "logging_steps": 1,
        "save_strategy": "epoch",
        "eval_strategy": "epoch" if plan.has_validation else "no",
        "report_to": "none",
    }
    return {"config.yaml": dump(config | ({"beta": plan.beta} if plan.method == DPO else {}))}


def _axolotl(plan: Plan) -> dict[str, str]:
    def dataset(path: str) -> dict[str, Any]:
        shape: dict[str, Any]
        if plan.method == DPO:
            shape = {"type": "chat_template.default", "field_messages": "messages", "field_chosen": "chosen",
                     "field_rejected": "rejected"}  # fmt: skip
        else:
            shape = {"type": "chat_template", "ds_type": "json", "field_messages": "messages",
                     "roles_to_train": ["assistant"]}  # fmt: skip
        return {"path": path, "split": "train", **shape}

    config: dict[str, Any] = {
        "base_model": plan.base_model,
        "load_in_4bit": plan.in_4bit,
        "chat_template": "tokenizer_default",
        "datasets": [dataset("data/train.jsonl")],
        "test_datasets": [dataset("data/test.jsonl")] if plan.has_validation else None,
        "val_set_size": None if plan.has_validation else 0.0,
        "dataset_prepared_path": "prepared",
        "output_dir": OUTPUT,
        "sequence_len": plan.max_length,
        "adapter": "qlora" if plan.in_4bit else "lora",
        "lora_r": plan.lora_r,
        "lora_alpha": plan.lora_alpha,
        "lora_dropout": plan.lora_dropout,
        "lora_target_linear": True,
        "train_on_inputs": False,
        "gradient_accumulation_steps": plan.accumulation,
        "micro_batch_size": plan.per_device,
        "num_epochs": plan.epochs,
        "optimizer": "adamw_torch_fused",
        "lr_scheduler": "cosine",
        "learning_rate": plan.learning_rate,
        "bf16": "auto",
        "gradient_checkpointing": True,
        "seed": plan.seed,
        "logging_steps": 1,
        "saves_per_epoch": 1,
        "evals_per_epoch": 1 if plan.has_validation else None,
    }
    if plan.method == DPO:
        config |= {"rl": "dpo", "rl_beta": plan.beta, "train_on_inputs": None}
    return {"config.yaml": dump({name: value for name, value in config.items() if value is not None})}


def _llama_factory(plan: Plan) -> dict[str, str]:
    config: dict[str, Any] = {
        "model_name_or_path": plan.base_model,
        "stage": "dpo" if plan.method == DPO else "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": plan.lora_r,
        "lora_alpha": plan.lora_alpha,
        "lora_dropout": plan.lora_dropout,
        "lora_target": "all",
        "quantization_bit": 4 if plan.in_4bit else None,
        "pref_beta": plan.beta if plan.method == DPO else None,
        "dataset_dir": "data",
        "dataset": "train",
        "eval_dataset": "test" if plan.has_validation else None,
        "template": plan.template or template_of(plan.base_model),
        "cutoff_len": plan.max_length,
        "output_dir": OUTPUT,
        "logging_steps": 1,
        "save_strategy": "epoch",
        "eval_strategy": "epoch" if plan.has_validation else "no",
        "report_to": "none",
        "num_train_epochs": plan.epochs,
        "per_device_train_batch_size": plan.per_device,
        "gradient_accumulation_steps": plan.accumulation,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": "cosine",
        "bf16": True,
        "seed": plan.seed,
    }
    columns = {"messages": "messages"}
    if plan.method == DPO:
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    info = {
        name: {
            "file_name": f"{name}.jsonl", "formatting": "sharegpt", "ranking": plan.method == DPO, "columns": columns,
            "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
                     "system_tag": "system"},
        }
        for name in (["train", "test"] if plan.has_validation else ["train"])
    }  # fmt: skip
    return {
        "config.yaml": dump({name: value for name, value in config.items() if value is not None}),
        "data/dataset_info.json": json.dumps(info, indent=2) + "\n",
    }


def template_of(base_model: str) -> str:
    """LLaMA-Factory's chat template for a base model; `default` when its name says nothing."""
    name = base_model.lower()
    return next((template for word, template in TEMPLATES.items() if word in name), "default")


FRAMEWORKS: dict[str, Framework] = {
    framework.name: framework
    for framework in (
        Framework(
            "trl", "TRL", "trl sft --config config.yaml", "trl dpo --config config.yaml", _trl,
            datasets.prompt_and_completion, datasets.pair, learns_last=True,
        ),
        Framework(
            "axolotl", "Axolotl", "axolotl train config.yaml", "axolotl train config.yaml", _axolotl, datasets.messages,
            datasets.messages_pair,
        ),
        Framework(
            "llama-factory", "LLaMA-Factory", "llamafactory-cli train config.yaml",
            "llamafactory-cli train config.yaml", _llama_factory, datasets.plain_messages, datasets.messages_pair,
        ),
        Framework(
            "unsloth", "Unsloth", "python train.py", "python train.py", lambda plan: {"train.py": script(plan)},
            datasets.prompt_and_completion, datasets.pair, learns_last=True,
        ),
    )
}  # fmt: skip
