"""Every kind of finding, once: how bad it is, which part of the score it lowers, what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
Part = Literal["format", "answers", "duplicates", "consistency", "privacy", "text", "separation"]
PARTS: tuple[Part, ...] = ("format", "answers", "duplicates", "consistency", "privacy", "text", "separation")


@dataclass(frozen=True, slots=True)
class Kind:
    """``is_heuristic``: judged by likelihood, so it can be wrong; the others are facts about the line.
    ``is_waste``: the whole example is paid for in vain."""

    name: str
    severity: Severity
    part: Part
    title: str
    fix: str
    is_heuristic: bool = False
    is_waste: bool = False


def _kinds() -> tuple[Kind, ...]:
    error: Severity = "error"
    warning: Severity = "warning"
    info: Severity = "info"
    return (
        Kind("invalid_json", error, "format", "Not a JSON object on one line", "Repair the line, or leave it out."),
        Kind("missing_messages", error, "format", "No `messages`", "Bring the line into the chat format."),
        Kind("unknown_key", error, "format", "A key that the format does not have", "Remove the key."),
        Kind("unknown_role", error, "format", "A role that the format does not have", "Use system, user, assistant or tool."),
        Kind("role_order", error, "format", "Messages in an impossible order", "Put system first and the answer last."),
        Kind("no_assistant", error, "format", "No answer to learn from", "Add the assistant's answer, or leave the line out."),
        Kind("no_user", info, "format", "No user message", "Add what the assistant answers."),
        Kind("missing_content", error, "format", "A message without text", "Write the text, or remove the message."),
        Kind("empty_assistant", error, "format", "An empty answer", "Write the answer, or leave the line out."),
        Kind("bad_weight", error, "format", "A weight other than 0 or 1 on an answer", "Use 0 or 1, on assistant messages."),
        Kind("no_weight_left", error, "format", "Every answer has weight 0", "Give one answer weight 1.", is_waste=True),
        Kind("bad_tools", error, "format", "A tool without name or valid parameters", "Define it as in the API."),
        Kind("tool_pairing", error, "format", "Tool calls and results do not match", "Answer each call once, by its id."),
        Kind("bad_preference", error, "format", "A pair without its parts", "Give `input`, and both outputs."),
        Kind("same_preference", error, "answers", "Both answers of a pair are the same", "Leave the pair out.", is_waste=True),
        Kind("bad_reference", error, "format", "Nothing for the grader to compare with", "Add the reference answer."),
        Kind("too_long", warning, "format", "Far too long, or looping", "Shorten or split it."),
        Kind("truncated_answer", warning, "answers", "The answer stops in the middle", "Complete it, or leave it out.", True),
        Kind("boilerplate_refusal", warning, "answers", "A refusal or placeholder as answer", "Answer it, or leave it out.", True),
        Kind("echo", warning, "answers", "The answer repeats the question", "Answer it, or leave it out.", True),
        Kind("unbalanced", warning, "answers", "JSON or a code fence that does not close", "Close it."),
        Kind("exact_dup", warning, "duplicates", "The same example again", "Leave it out.", is_waste=True),
        Kind("near_dup", warning, "duplicates", "Nearly the same example again", "Leave it out.", True, True),
        Kind("label_conflict", warning, "consistency", "The same question, another answer", "Keep the right one.", True),
        Kind("label_noise", warning, "consistency", "The label is probably wrong", "Look at it and set the label.", True),
        Kind("secret", error, "privacy", "A credential", "Revoke it and replace it by a placeholder."),
        Kind("pii", warning, "privacy", "Personal data", "Replace it by a placeholder."),
        Kind("encoding_noise", warning, "text", "Text damaged by wrong encoding", "Repair the text."),
        Kind("language_mix", warning, "text", "Another language than the rest", "Leave it out, or add more of it.", True),
        Kind("leak_exact", warning, "separation", "A validation example that is trained on", "Leave it out of one file."),
        Kind("leak_near", warning, "separation", "A validation example nearly trained on", "Leave it out of one file.", True),
    )  # fmt: skip


KINDS: dict[str, Kind] = {kind.name: kind for kind in _kinds()}
"""By name, in the order of a report."""
