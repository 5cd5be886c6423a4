"""Which items fall into which slice."""

from typing import Any

from finetuning.evaluation.slices import Slice, slices_of


def chat(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def test_by_label_tag_length_and_language() -> None:
    english, german = (
        "Where is the parcel that I sent last week?",
        "Wo ist das Paket, das ich letzte Woche verschickt habe?",
    )
    records = {line: chat(english, "parcel", metadata={"team": "north"}) for line in range(1, 7)}
    records |= {line: chat(german + " Bitte!" * 40, "refund", tags=["vip"]) for line in range(7, 13)}

    first, second = tuple(range(1, 7)), tuple(range(7, 13))
    assert slices_of(records) == [
        Slice("label", "parcel", first), Slice("label", "refund", second), Slice("tag", "team=north", first),
        Slice("tag", "vip", second), Slice("length", "201 to 1,000 characters", second),
        Slice("length", "up to 200 characters", first), Slice("language", "de", second), Slice("language", "en", first),
    ]  # fmt: skip


def test_small_ones_and_the_whole_are_no_slices() -> None:
    records = {line: chat("Hi", "a" if line < 5 else "b") for line in range(1, 11)}

    assert slices_of(records) == [Slice("label", "b", tuple(range(5, 11)))]


def test_free_text_has_no_labels() -> None:
    records = {line: chat("Hi", f"Answer {line}", metadata={"n": line % 2}) for line in range(1, 11)}

    assert [(one.kind, one.name) for one in slices_of(records)] == [("tag", "n=0"), ("tag", "n=1")]
