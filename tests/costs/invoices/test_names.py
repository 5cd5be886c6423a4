"""Names of models: what is one model on both sides, and what is not."""

import pytest

from costs.invoices.names import family, groups


@pytest.mark.parametrize(
    "names",
    [
        ("gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "gpt-4o-0806"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "Claude4.5Sonnet", "Claude Sonnet 4.5", "claude-sonnet-4-5@20250929"),
        ("claude-3-5-haiku-20241022", "Claude3.5Haiku", "claude-3-5-haiku-latest"),
        ("gpt-3.5-turbo", "gpt-35-turbo"),
        ("ft:gpt-4o-mini-2024-07-18:acme::Abc1", "ft-gpt-4o-mini-2024-07-18"),
    ],
)  # fmt: skip
def test_spellings_of_one_model(names: tuple[str, ...]) -> None:
    assert len({family(name) for name in names}) == 1


def test_other_models_stay_apart() -> None:
    names = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "claude-sonnet-4", "claude-sonnet-4-5", "claude-opus-4-5", "ft:gpt-4o")

    assert len({family(name) for name in names}) == len(names)


def test_an_exact_name_comes_before_a_shared_family() -> None:
    billed, booked = groups(["gpt-4o-2024-05-13", "gpt-4o-2024-08-06"], ["gpt-4o-2024-05-13", "gpt-4o"])

    assert billed == {"gpt-4o-2024-05-13": "gpt-4o-2024-05-13", "gpt-4o-2024-08-06": "gpt-4o"}
    assert booked == {"gpt-4o-2024-05-13": "gpt-4o-2024-05-13", "gpt-4o": "gpt-4o"}


def test_what_only_one_side_has_keeps_its_name() -> None:
    billed, booked = groups(["o3-pro"], ["gpt-4o"])

    assert (billed, booked) == ({"o3-pro": "o3-pro"}, {"gpt-4o": "gpt-4o"})


def test_an_export_without_models_is_one_group() -> None:
    assert groups([""], ["a", "b"]) == ({"": ""}, {"a": "", "b": ""})
