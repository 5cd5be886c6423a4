"""The scenarios. Row counts and epochs are starting points from public practice, not promises.

Sources: OpenAI, "Fine-tuning best practices" and "Distillation" (developers.openai.com/docs/guides); LIMA
(arXiv 2305.11206) for style; DEITA (huggingface.co/papers/2312.15685) for selection of data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from finetuning.estimates import Method


@dataclass(frozen=True, slots=True)
class Candidate:
    """A base model at a backend, in the order in which they are worth trying. `technique`: lora, full or nothing."""

    backend: str
    model: str
    technique: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`rows`: fewest and usual number of training lines; `per`: what they are counted for; `checks`: what the data are
    asked beyond the usual quality report; `gate`: the metric of `finetuning.evaluation.scores` that decides."""

    id: str
    name: str
    category: str
    use_case: str
    candidates: tuple[Candidate, ...]
    method: Method
    format: str
    rows: tuple[int, int]
    per: str
    epochs: int | None
    expected: str
    checks: tuple[str, ...]
    gate: str
    notes: tuple[str, ...] = ()
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()


LOCAL_HEAD = Candidate("local-head", "local-head-hash")
DICL = Candidate("dicl", "dicl")
MINI = Candidate("azure", "gpt-4.1-mini-2025-04-14")
LARGE = Candidate("azure", "gpt-4.1-2025-04-14")
LLAMA = Candidate("together", "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference", "lora")
QWEN = Candidate("fireworks", "accounts/fireworks/models/qwen3-8b", "lora")
FLASH = Candidate("vertex", "gemini-2.5-flash")
RUNNER = Candidate("runner", "Qwen/Qwen3-8B", "lora")
REASONING = Candidate("azure", "o4-mini-2025-04-16")
"""Besides OpenAI, which sells it no more, the only vendor that takes graders."""

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "classification", "Intent or ticket classification", "classification",
        "Every message gets one label of a closed list: an intent, a queue, a priority.",
        (LOCAL_HEAD, DICL, MINI, LLAMA), Method.SUPERVISED, "chat", (20, 100), "label", 3,
        "A local head trains in seconds and answers in milliseconds; a tuned small model is worth its price when "
        "labels depend on meaning that words do not show.",
        (
            "Labels are balanced, the rarest has at least 20 lines",
            "There is a label for everything else",
            "The same text never has two labels",
            "Every answer is a label and nothing else",
        ),
        "exact", ("Try the local head first: it costs nothing.",), {"n_epochs": 3}, ("exact", "macro_f1"),
    ),
    Scenario(
        "extraction", "Extraction to JSON", "extraction",
        "Free text becomes a record of known fields: invoices, CVs, orders, reports.",
        (MINI, LLAMA, QWEN, DICL), Method.SUPERVISED, "chat", (100, 300), "schema", 3,
        "Fields come in the right form without a long prompt of instructions and examples.",
        (
            "Every answer is valid JSON with the same fields",
            "Missing values are null, never left out",
            "Prompts in training are as short as those in production will be",
        ),
        "json_valid", (), {"n_epochs": 3}, ("json_valid", "normalised"),
    ),
    Scenario(
        "tone", "Tone of voice", "style", "Answers sound like the company: mails, support replies, product texts.",
        (MINI, LARGE, LLAMA), Method.SUPERVISED, "chat", (50, 100), "voice", 3,
        "Style is learned from few, well chosen lines; facts are not.",
        (
            "Prompts differ in length and subject",
            "At most one line in twenty is a refusal",
            "Lines are edited by the person whose voice it is",
        ),
        "rouge_l", ("Go on with preference pairs when people still choose between two versions.",),
        {"n_epochs": 3}, ("rouge_l",),
    ),
    Scenario(
        "tool-calling", "Tool calling", "agents", "The model chooses the right tool with the right arguments, or none.",
        (MINI, LLAMA, QWEN), Method.SUPERVISED, "chat", (100, 300), "tool", 3,
        "Fewer wrong and missing calls, and shorter descriptions of the tools in each prompt.",
        (
            "Each call is followed by the result with the same id",
            "One line in five needs no tool",
            "The tools of a line are those that production sends",
        ),
        "tool_calls", (), {"n_epochs": 3}, ("tool_calls",),
    ),
    Scenario(
        "summarisation", "Summaries", "summarisation", "Long texts become short ones of a fixed shape and length.",
        (MINI, FLASH, LLAMA), Method.SUPERVISED, "chat", (200, 500), "kind of text", 2,
        "Length and shape become steady; a cheaper model comes near to a dear one.",
        (
            "Summaries are about equally long for equally long texts",
            "No summary says what its text does not",
            "No example is longer than the model's context",
        ),
        "rouge_l", ("A judge must compare summaries of equal length.",), {"n_epochs": 2}, ("rouge_l",),
    ),
    Scenario(
        "preference", "Preference alignment", "alignment",
        "People said which of two answers they like better, and the model is to give more of that kind.",
        (MINI, LLAMA, QWEN), Method.DPO, "preference", (200, 1000), "pair", 1,
        "Better answers where good ones are easier to choose than to write.",
        (
            "The two answers of a pair differ",
            "Liked answers are not simply the longer ones",
            "Pairs come from the model that is tuned, or from its tuned version",
        ),
        "judge", ("Tune on good answers first, then on pairs.",), {"n_epochs": 1, "beta": "auto"}, ("rouge_l",),
    ),
    Scenario(
        "graded-reasoning", "Reasoning with a grader", "reasoning",
        "Answers can be checked by a program: arithmetic, plans, code, legal or medical codes.",
        (RUNNER, REASONING), Method.REINFORCEMENT, "reinforcement", (50, 300), "problem", 1,
        "The model finds its own way to answers that pass; it is billed by time.",
        (
            "The grader gives known good answers full marks and known bad ones none",
            "The base model passes some of the problems, not none and not all",
            "No answer is in its prompt",
        ),
        "exact", ("OpenAI sells this no more; a runner of your own can do it with GRPO.",),
        {"reasoning_effort": "medium"}, ("exact", "normalised"),
    ),
    Scenario(
        "distillation", "A big model's answers from your own logs", "cost",
        "A dear model does one narrow task well, often. Its logged answers teach a small one.",
        (MINI, LLAMA, QWEN, DICL), Method.SUPERVISED, "chat", (500, 5000), "task", 2,
        "The price of a request falls to the small model's while answers stay the teacher's, within what the "
        "comparison can tell.",
        (
            "Lines come from calls with good feedback, without repeats",
            "Personal data and secrets are removed",
            "The sample has production's mix of languages, lengths and refusals",
            "The teacher's terms allow it",
        ),
        "rouge_l", ("Build the file from traffic; keep a part for the comparison.",), {"n_epochs": 2},
        ("rouge_l", "normalised"),
    ),
    Scenario(
        "migration", "Move a tuned model that will be switched off", "migration",
        "A tuned model has a last day. Its answers are recorded while it still gives them and teach its successor.",
        (LLAMA, QWEN, FLASH, DICL, LOCAL_HEAD), Method.SUPERVISED, "chat", (200, 1000), "kind of request", 3,
        "The successor is equivalent on the recorded answers, or the difference is known before the last day.",
        (
            "Golden answers are recorded before the last day",
            "Recorded requests are this month's, not those of the first training",
            "Some recorded answers are kept out of the training",
        ),
        "normalised", ("The radar of last days lists what is due.",), {"n_epochs": 3}, ("normalised", "rouge_l"),
    ),
)  # fmt: skip


def scenario_of(name: str) -> Scenario | None:
    """The scenario of this id."""
    return next((scenario for scenario in SCENARIOS if scenario.id == name), None)
