import time
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dataplane.call import new_id
from gateway.ledger import ids


def test_uuid7_matches_the_example_of_rfc_9562() -> None:
    # RFC 9562, appendix A.6: 2022-02-22 14:22:22.00 GMT-05:00, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F
    random_bits = 0xCC3 << 62 | 0x18C4DC0C0C07398F

    value = ids.uuid7(0x017F22E279B0, random_bits)

    assert str(value) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert ids.started_at(value) == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


@given(st.integers(0, 2**48 - 1))
def test_the_millisecond_survives(ms: int) -> None:
    assert ids.uuid7_ms(ids.uuid7(ms)) == ms


@given(st.integers(0, 2**47))
def test_the_hot_paths_id_is_a_valid_uuid7(ms: int) -> None:
    value = uuid.UUID(new_id(ms))

    assert (value.version, value.variant, ids.uuid7_ms(value)) == (7, uuid.RFC_4122, ms)


def test_the_hexadecimal_form_is_a_valid_uuid7_of_now() -> None:
    before = time.time_ns() // 1_000_000

    made = [uuid.UUID(ids.uuid7_hex()) for _ in range(100)]

    assert {(value.version, value.variant) for value in made} == {(7, uuid.RFC_4122)}
    assert all(before <= ids.uuid7_ms(value) <= time.time_ns() // 1_000_000 for value in made)
    assert len(set(made)) == 100


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_ms_of_truncates_exactly(at: datetime) -> None:
    ms = ids.ms_of(at)

    assert ids.started_at(ids.uuid7(ms)) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_shards_are_stable_and_spread() -> None:
    assert ids.ledger_shard("a", "b") == 28
    assert {ids.ledger_shard("org", str(n)) for n in range(1000)} == set(range(64))


def test_ids_made_within_a_millisecond_ascend() -> None:
    made = [new_id(1_700_000_000_000) for _ in range(1000)]

    assert made == sorted(made)


def test_ids_of_one_millisecond_sort_as_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(1_700_000_000_000_000_000, 1_700_000_000_001_000_000, 1_000))
    monkeypatch.setattr("gateway.ledger.ids.time.time_ns", lambda: next(moments))

    made = [ids.uuid7() for _ in range(1000)]

    assert made == sorted(made)
    assert {ids.uuid7_ms(value) for value in made} == {1_700_000_000_000}
    assert {value.version for value in made} == {7}
