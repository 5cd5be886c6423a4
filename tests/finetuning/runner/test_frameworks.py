"""Every key of a folder is one that its framework has, and its rows are in the framework's own format.

`keys.json`: names of fields and parameters, read from the packages that the folders pin.
"""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from finetuning.runner import FRAMEWORKS, Plan, PlanError, files_of, plan_of
from finetuning.runner.frameworks import PINS, template_of
from finetuning.runner.yamlwriting import dump

KEYS: dict[str, Any] = json.loads((Path(__file__).parent / "keys.json").read_text())
CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is my invoice?"},
        {"role": "assistant", "content": "Under Billing.", "weight": 1},
    ]
}
PAIR = {
    "input": {"messages": CHAT["messages"][:2]},
    "preferred_output": [{"role": "assistant", "content": "Under Billing."}],
    "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
}


def plan(method: str = "supervised", *, has_validation: bool = True, **hyperparameters: Any) -> Plan:
    return plan_of(
        base_model="Qwen/Qwen3-8B", method=method, hyperparameters=hyperparameters, seed=7,
        has_validation=has_validation,
    )  # fmt: skip


def config(framework: str, numbers: Plan) -> dict[str, Any]:
    return dict(yaml.safe_load(files_of(framework, numbers)["config.yaml"]))


@pytest.mark.parametrize(
    ("framework", "method", "known"),
    [
        ("trl", "supervised", "trl_sft"), ("trl", "dpo", "trl_dpo"), ("axolotl", "supervised", "axolotl"),
        ("axolotl", "dpo", "axolotl"), ("llama-factory", "supervised", "llama_factory"),
        ("llama-factory", "dpo", "llama_factory"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("technique", ["lora", "qlora"])
def test_every_key_is_the_frameworks(framework: str, method: str, known: str, technique: str) -> None:
    found = config(framework, plan(method, technique=technique))

    assert set(found) - set(KEYS[known]) == set()


@pytest.mark.parametrize(("method", "known"), [("supervised", "axolotl_dataset"), ("dpo", "axolotl_dpo_dataset")])
def test_keys_of_axolotls_datasets(method: str, known: str) -> None:
    found = config("axolotl", plan(method))

    for dataset in (*found["datasets"], *found["test_datasets"]):
        assert set(dataset) - set(KEYS[known]) == set()


def test_the_numbers_arrive() -> None:
    numbers = plan(
        n_epochs=2, batch_size=12, learning_rate=5e-6, learning_rate_multiplier=2, lora_rank=8, max_context_length=512
    )  # fmt: skip

    found = config("trl", numbers)
    assert (found["num_train_epochs"], found["seed"], found["lora_r"], found["max_length"]) == (2, 7, 8, 512)
    assert (found["per_device_train_batch_size"], found["gradient_accumulation_steps"]) == (4, 3)
    assert found["learning_rate"] == 1e-5  # a number, where YAML 1.1 would read 1e-05 as a text
    axolotl = config("axolotl", numbers)
    assert (axolotl["num_epochs"], axolotl["micro_batch_size"], axolotl["sequence_len"]) == (2, 4, 512)
    factory = config("llama-factory", numbers)
    assert (factory["num_train_epochs"], factory["lora_rank"], factory["cutoff_len"]) == (2, 8, 512)


def test_without_a_validation_file_nothing_is_evaluated() -> None:
    numbers = plan(has_validation=False)

    assert config("trl", numbers)["eval_strategy"] == "no"
    assert "test_datasets" not in config("axolotl", numbers)
    assert config("axolotl", numbers)["val_set_size"] == 0
    assert "eval_dataset" not in config("llama-factory", numbers)
    assert "test" not in files_of("unsloth", numbers)["train.py"]


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_unsloths_program(method: str) -> None:
    tree = ast.parse(files_of("unsloth", plan(method, technique="qlora"))["train.py"])

    calls = {ast.unparse(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {name: {word.arg for word in call.keywords} for name, call in calls.items()}
    kind = "DPO" if method == "dpo" else "SFT"
    assert names["FastLanguageModel.from_pretrained"] - set(KEYS["unsloth_from_pretrained"]) == set()
    assert names["FastLanguageModel.get_peft_model"] - set(KEYS["unsloth_get_peft_model"]) == set()
    assert names[f"{kind}Config"] - set(KEYS[f"trl_{kind.lower()}"]) == set()
    assert ("beta" in names[f"{kind}Config"]) is (method == "dpo")


def test_a_name_cannot_leave_its_quotes() -> None:
    evil = "x'); __import__('os').system('true') #\n\"{}"
    numbers = plan_of(base_model=evil, method="supervised", hyperparameters={}, seed=None, has_validation=False)

    assert config("trl", numbers)["model_name_or_path"] == evil
    tree = ast.parse(files_of("unsloth", numbers)["train.py"])
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__import__"]


@pytest.mark.parametrize(
    ("framework", "row"),
    [
        ("trl", {"prompt": CHAT["messages"][:2], "completion": [{"role": "assistant", "content": "Under Billing."}]}),
        ("unsloth", {"prompt": CHAT["messages"][:2],
                     "completion": [{"role": "assistant", "content": "Under Billing."}]}),
        ("axolotl", {"messages": [*CHAT["messages"][:2], {"role": "assistant", "content": "Under Billing."}]}),
        ("llama-factory", {"messages": [*CHAT["messages"][:2], {"role": "assistant", "content": "Under Billing."}]}),
    ],
)  # fmt: skip
def test_rows(framework: str, row: dict[str, Any]) -> None:
    assert FRAMEWORKS[framework].convert(plan(), CHAT) == row


def test_rows_of_pairs() -> None:
    chosen, rejected = PAIR["preferred_output"][0], PAIR["non_preferred_output"][0]
    numbers = plan("dpo")

    for name in ("trl", "unsloth"):
        assert FRAMEWORKS[name].convert(numbers, PAIR) == {
            "prompt": CHAT["messages"][:2], "chosen": [chosen], "rejected": [rejected],
        }  # fmt: skip
    for name in ("axolotl", "llama-factory"):
        assert FRAMEWORKS[name].convert(numbers, PAIR) == {
            "messages": CHAT["messages"][:2], "chosen": chosen, "rejected": rejected,
        }  # fmt: skip


def test_llama_factorys_description_of_the_data() -> None:
    files = files_of("llama-factory", plan("dpo"))
    info = json.loads(files["data/dataset_info.json"])

    assert list(info) == ["train", "test"]
    assert (info["train"]["file_name"], info["train"]["formatting"], info["train"]["ranking"]) == (
        "train.jsonl", "sharegpt", True,
    )  # fmt: skip
    assert info["train"]["columns"] == {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    assert info["train"]["tags"]["assistant_tag"] == "assistant"


def test_tools_are_refused_where_they_would_be_lost() -> None:
    record = {"messages": CHAT["messages"], "tools": [{"type": "function"}]}

    assert FRAMEWORKS["trl"].convert(plan(), record)["tools"] == [{"type": "function"}]
    with pytest.raises(ValueError, match="choose another framework"):
        FRAMEWORKS["llama-factory"].convert(plan(), record)


@pytest.mark.parametrize(
    ("model", "template"),
    [("Qwen/Qwen3-8B", "qwen3"), ("meta-llama/Llama-3.1-8B-Instruct", "llama3"), ("acme/own", "default")],
)
def test_chat_templates_of_llama_factory(model: str, template: str) -> None:
    assert template_of(model) == template


@pytest.mark.parametrize("framework", list(FRAMEWORKS))
def test_a_pinned_installation(framework: str) -> None:
    assert files_of(framework, plan())["requirements.txt"] == f"{PINS[framework]}\n"
    assert "==" in PINS[framework]


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"n_epochs": 0}, "n_epochs"), ({"batch_size": 2.5}, "batch_size"), ({"learning_rate": "x"}, "learning_rate"),
        ({"learning_rate": 0}, "learning_rate"), ({"lora_dropout": 1}, "lora_dropout"),
        ({"technique": "full"}, "technique"),
    ],
)  # fmt: skip
def test_numbers_have_bounds(hyperparameters: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan(**hyperparameters)


def test_a_method_that_no_runner_has() -> None:
    with pytest.raises(PlanError, match="reinforcement"):
        plan("reinforcement")


def test_yaml_is_read_as_it_was_written() -> None:
    values = {
        "text": "yes", "colon": "a: b # c", "none": None, "flag": False, "small": 2e-7, "whole": 3.0, "empty": [],
        "list": ["a", 1], "rows": [{"a": 1, "b": [True]}, {"a": 2}], "map": {"x": {"y": "é\n"}},
    }  # fmt: skip
    assert yaml.safe_load(dump(values)) == values
