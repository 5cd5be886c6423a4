import random
from collections import Counter

import pytest

from gateway.simulator.faults import FAULTS, Fault, asked_fault, parse_fault, random_fault


def test_parsing():
    assert parse_fault("cut-stream") == Fault("cut-stream", 3)
    assert parse_fault("cut-stream@9") == Fault("cut-stream", 9)
    assert parse_fault("error-503") == Fault("error-503", 1, 503)
    assert parse_fault("error-429@7") == Fault("error-429", 7, 429)


@pytest.mark.parametrize("text", ["", "nonsense", "error-200", "error-", "hang@soon", "cut-stream@-1"])
def test_unknown_faults_are_errors(text):
    with pytest.raises(ValueError):
        parse_fault(text)


def test_header_goes_before_query_before_model():
    assert asked_fault(b"hang", b"sim_fault=reset", "sim-fault-bad-json").kind == "hang"
    assert asked_fault(None, b"a=1&sim_fault=reset", "sim-fault-bad-json").kind == "reset"
    assert asked_fault(None, b"", "sim-fault-bad-json").kind == "bad-json"
    assert asked_fault(None, b"a=1", "gpt-4o") is None


def test_random_errors_have_the_documented_mix():
    rng = random.Random(5)

    drawn = [random_fault(rng, 0.2) for _ in range(20_000)]

    mix = Counter(fault.status for fault in drawn if fault)
    assert abs(sum(mix.values()) / 20_000 - 0.2) < 0.01
    assert abs(mix[429] / sum(mix.values()) - 0.5) < 0.02
    assert set(mix) == {429, 500, 503}
    assert random_fault(rng, 0.0) is None


def test_every_fault_parses():
    assert all(parse_fault(kind).kind == kind for kind in FAULTS)
