"""The whole report of small files, and of the labelled development files."""

import json
import random
from decimal import Decimal

import pytest

from finetuning.quality import KINDS, Options, as_dict, as_lines, inspect
from tests.finetuning.conftest import chat
from tests.finetuning.defects import PAIRED, expanded, inject, self_instruct

WORDS = ("apple", "house", "river", "stone", "cloud", "bread", "horse", "paper", "glass", "light", "music", "water")
ROWS = [chat(f"what colour has the {word}", f"{word} colour") for word in WORDS]


def kinds(report):
    return [(one.line, one.kind, one.related) for one in report.findings]


def test_a_clean_file(write):
    report = inspect(write(ROWS))

    assert (report.method, report.lines, report.examples, report.flagged) == ("chat", 12, 12, 0)
    assert (report.findings, report.counts, report.score, report.is_valid) == ((), {}, 100.0, True)
    assert set(report.parts.values()) == {1.0}
    assert (report.tokens.exact, report.tokens.method, report.tokens.epochs) == (True, "o200k_base", 8)
    assert report.tokens.billable == 8 * report.tokens.total
    assert report.amount is None
    assert [one.code for one in report.observations] == ["few"]


def test_repeats_cost_what_their_line_costs(write):
    rows = [*ROWS, ROWS[0], chat("What colour  has the APPLE", "apple colour")]

    report = inspect(write(rows), options=Options(epochs=3, price_per_million=Decimal("5")))

    assert kinds(report) == [(13, "exact_dup", (1,)), (14, "exact_dup", (1,))]
    tokens = report.findings[0].tokens
    assert tokens == 3 * (report.tokens.total // 14)
    assert report.findings[0].amount == Decimal("5") * tokens / 1_000_000
    assert report.tokens.wasted == tokens + report.findings[1].tokens
    assert report.amount == Decimal("5") * report.tokens.billable / 1_000_000
    assert report.parts["duplicates"] == round(12 / 14, 4)
    assert report.score == 85.7


def test_near_repeats(write):
    rows = [
        *ROWS,
        chat("please, what colour has the apple", "apple colour"),
        chat("What colour has the stone?!", "stone colour"),
    ]

    assert kinds(inspect(write(rows))) == [(13, "near_dup", (1,)), (14, "near_dup", (4,))]


def test_of_questions_with_one_class_the_shorter_stays(write):
    rows = [chat("please, is this green", "green"), chat("is this green", "green")]
    rows += [chat(f"is {word} like that", colour) for word in WORDS for colour in ("green", "red")[len(word) % 2 :][:1]]
    rows += [chat(f"{word} is what", "green") for word in WORDS]

    assert (1, "near_dup", (2,)) in kinds(inspect(write(rows)))


def test_another_number_is_another_question(write):
    rows = [*ROWS, chat("set a timer for 20 minutes", "timer"), chat("set a timer for 30 minutes", "timer")]

    assert kinds(inspect(write(rows))) == []


def test_one_question_with_two_classes(write):
    rows = [chat(f"{word} number {n} is it {'warm' if n % 2 else 'cold'}", "hot" if n % 2 else "icy")
            for n, word in enumerate(WORDS * 3)]  # fmt: skip
    rows.insert(5, chat("apple number 0 is it cold", "hot"))

    (finding,) = [one for one in inspect(write(rows)).findings if one.kind == "label_conflict"]

    assert (finding.line, finding.related, finding.severity) == (6, (1,), "warning")


def test_one_question_with_two_answers_in_free_text_is_only_told(write):
    rows = [
        *ROWS,
        chat("tell me a story", "Once there was a fox."),
        chat("tell me a story", "A bear slept all winter."),
    ]

    report = inspect(write(rows))

    assert kinds(report) == [(14, "label_conflict", (13,))]
    assert report.findings[0].severity == "info"
    assert (report.score, report.flagged, report.is_valid) == (100.0, 1, True)


def test_the_same_question_under_other_instructions_is_another(write):
    rows = [
        *ROWS,
        chat("what colour has the apple", "red", system="Say the colour."),
    ]

    assert kinds(inspect(write(rows))) == []


def test_leaks_are_lines_of_the_validation_file(write):
    validation = write(
        [chat("where is the moon", "moon place"), ROWS[3], chat("please what colour has the river", "river colour")],
        "valid.jsonl",
    )  # fmt: skip

    report = inspect(write(ROWS), validation=validation)

    assert [(one.file, one.line, one.kind, one.related) for one in report.findings] == [
        ("validation", 2, "leak_exact", (4,)),
        ("validation", 3, "leak_near", (3,)),
    ]
    assert report.flagged == 0
    assert report.validation.lines == 3
    assert [one.code for one in report.validation.observations] == ["too_few"]
    assert not report.is_valid


def test_long_lines(write):
    rows = [
        *ROWS,
        chat("say it all", " ".join(random.Random(3).choices(WORDS, k=2_600))),
        chat("again", "ha and so on. " * 900),
    ]

    report = inspect(write(rows))
    limited = inspect(write(rows), options=Options(max_tokens=2_500))

    assert [(one.line, one.kind) for one in report.findings] == [(13, "too_long"), (14, "too_long")]
    assert "the same text again and again" in report.findings[1].message
    assert "above the model's limit" in limited.findings[0].message
    assert limited.tokens.billable < report.tokens.billable


def test_findings_are_capped_and_all_counted(write):
    report = inspect(write([ROWS[0]] * 50), options=Options(findings_per_kind=3))

    assert (len(report.findings), report.counts, report.flagged) == (3, {"exact_dup": 49}, 49)


def test_empty_lines_and_files(write):
    nothing = inspect(write([]))
    blank = inspect(write([*ROWS, ""]))

    assert (nothing.lines, nothing.score, nothing.is_valid) == (0, 0.0, False)
    assert kinds(blank) == [(13, "invalid_json", ())]


def test_no_bytes_make_it_raise(write):
    source = random.Random(5)
    lines = [bytes(source.choices(range(32, 256), k=source.randrange(60))) for _ in range(200)]
    shapes = [None, 1, "x", [], {}, [1], [None], [[]], [{}], [{"role": 5}], [{"content": {}}], {"messages": []}]
    rows = [{key: shape} for shape in shapes for key in ("messages", "input", "preferred_output", "tools", "functions")]
    for key in ("content", "tool_calls", "function_call", "tool_call_id", "weight"):
        rows += [{"messages": [{"role": role, key: shape} for role in ("assistant", "tool")]} for shape in shapes]
    lines += [json.dumps(row).encode() for row in rows]

    report = inspect(write(lines), validation=write(lines, "valid.jsonl"))

    assert report.lines == len(lines)
    assert list(as_lines(report))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "none.jsonl")


def test_a_report_is_plain_data(write):
    report = inspect(
        write([*ROWS, ROWS[0]]), validation=write(ROWS, "v.jsonl"), options=Options(price_per_million=Decimal(5))
    )

    told = json.loads(json.dumps(as_dict(report)))

    assert told["findings"][0]["amount"] == f"{report.findings[0].amount:f}"
    assert (told["valid"], told["validation"]["lines"]) == (True, 12)
    assert set(told["counts"]) <= set(KINDS)


@pytest.mark.slow
@pytest.mark.needs_shared
@pytest.mark.parametrize("seed", [1, 2])
def test_defects_in_other_real_files(data, write, seed):
    """At least 90 % found by their kind, at most 2 % of the untouched lines told: files and wordings that nothing was
    tuned on but the label threshold."""
    rows = [json.loads(line) for line in (data / "banking77_train20.jsonl").read_text().splitlines()[::2]]
    rows += self_instruct(data)
    lines, labels, clean = inject(rows, seed)

    report = inspect(write(lines))

    told = by_line(report)
    found = [line for line, (kind, partner) in labels.items() if kind in told[line] or kind in told[partner]]
    assert len(found) / len(labels) >= 0.95
    assert sum(1 for line in clean if told[line]) / len(clean) <= 0.01


@pytest.mark.slow
@pytest.mark.needs_shared
def test_the_labelled_development_files(data, write):
    source = random.Random(1)
    labels = json.loads((data / "defects_dev_labels.json").read_text())
    lines = [expanded(line, source) for line in (data / "defects_dev.jsonl").read_text().splitlines()]

    report = inspect(write(lines), validation=data / "defects_dev_valid.jsonl")

    told = by_line(report)
    for one in report.findings:
        if one.file == "train" and one.kind in PAIRED:
            for line in one.related:
                told[line].add(one.kind)
    wanted = {one["line"]: one["kind"] for one in labels["defects"]}
    missed = {line: kind for line, kind in wanted.items() if kind not in told[line]}
    # 84's "near" duplicate has not one letter changed; 517 stops after an abbreviation.
    assert missed == {84: "near_dup", 517: "truncated_answer"}
    flagged = {one.line for one in report.findings if one.file == "train"} - set(wanted)
    assert len(flagged) <= 0.02 * (len(lines) - len(wanted))
    leaks = {one.line: one.kind for one in report.findings if one.file == "validation"}
    assert leaks == {one["line"]: one["kind"] for one in labels["valid_leaks"]}


@pytest.mark.slow
@pytest.mark.needs_shared
@pytest.mark.parametrize(("seed", "recall"), [(None, 0.90), (14, 0.80), (17, 0.80)])
def test_wrong_labels_of_banking77(data, write, seed, recall):
    """The draw of the data folder, and two that are harder than most."""
    rows = [json.loads(line) for line in (data / "banking77_train20.jsonl").read_text().splitlines()]
    labels = [row["messages"][-1]["content"] for row in rows]
    if seed is None:
        changed = {one["row"]: one["noisy"] for one in json.loads((data / "banking77_train20_noise5.json").read_text())}
    else:
        source, names = random.Random(seed), sorted(set(labels))
        changed = {row: source.choice(names) for row in source.sample(range(len(rows)), 77)}
    for row, label in changed.items():
        rows[row]["messages"][-1]["content"] = label
    wrong = {row + 1 for row, label in changed.items() if label != labels[row]}

    told = {one.line for one in inspect(write(rows)).findings if one.kind in ("label_noise", "label_conflict")}

    assert len(told & wrong) / len(wrong) >= recall
    assert len(told & wrong) / len(told) >= 0.75


def by_line(report):
    told = {line: set() for line in range(report.lines + 1)}
    for one in report.findings:
        if one.file == "train":
            told[one.line].add(one.kind)
    return told
