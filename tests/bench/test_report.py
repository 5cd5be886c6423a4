"""The written report keeps what was not measured again."""

from bench import report


def test_a_written_report_is_read_back_as_it_is() -> None:
    text = report.TARGET.read_text()
    sections = report._sections(text)

    assert list(sections) == [name for name in report.ORDER if name in sections]
    assert "\n".join([report.HEAD, *sections.values()]) == text.partition(f"\n{report.NOT_RUN}")[0]
    assert "0.988 of 1" in sections["finetuning_data"]
