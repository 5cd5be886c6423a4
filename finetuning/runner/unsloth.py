"""Unsloth has no configuration file: a short program that trains with it."""

from finetuning.runner.plans import DPO, Plan

_HEAD = '''"""Tunes {base_model!r} with Unsloth; made for one job of the gateway."""

from unsloth import FastLanguageModel

from datasets import load_dataset
from trl import {trainer}Config, {trainer}Trainer

model, tokenizer = FastLanguageModel.from_pretrained(
    model_name={base_model!r},
    max_seq_length={max_length},
    load_in_4bit={in_4bit},
)
model = FastLanguageModel.get_peft_model(
    model,
    r={lora_r},
    lora_alpha={lora_alpha},
    lora_dropout={lora_dropout},
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    use_gradient_checkpointing="unsloth",
    random_state={seed},
)
data = load_dataset("json", data_files={files!r})
trainer = {trainer}Trainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=data["train"],
    eval_dataset={evaluated},
    args={trainer}Config(
        output_dir="output",
        max_length={max_length},
        num_train_epochs={epochs},
        per_device_train_batch_size={per_device},
        gradient_accumulation_steps={accumulation},
        learning_rate={learning_rate},
        lr_scheduler_type="cosine",
        logging_steps=1,
        save_strategy="epoch",
        eval_strategy={strategy!r},
        seed={seed},
        report_to="none",{beta}
    ),
)
trainer.train()
model.save_pretrained("output")
tokenizer.save_pretrained("output")
'''


def script(plan: Plan) -> str:
    """The program; every value is written as a Python literal."""
    files = {"train": "data/train.jsonl"} | ({"test": "data/test.jsonl"} if plan.has_validation else {})
    return _HEAD.format(
        base_model=plan.base_model, trainer="DPO" if plan.method == DPO else "SFT", max_length=plan.max_length,
        in_4bit=plan.in_4bit, lora_r=plan.lora_r, lora_alpha=plan.lora_alpha, lora_dropout=plan.lora_dropout,
        seed=plan.seed, files=files, evaluated='data["test"]' if plan.has_validation else "None", epochs=plan.epochs,
        per_device=plan.per_device, accumulation=plan.accumulation, learning_rate=plan.learning_rate,
        strategy="epoch" if plan.has_validation else "no",
        beta=f"\n        beta={plan.beta}," if plan.method == DPO else "",
    )  # fmt: skip
