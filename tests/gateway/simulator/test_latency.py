import random
import statistics

from gateway.simulator.catalog import CATALOG
from gateway.simulator.latency import Pace, draw_pace, parse_paced
from gateway.simulator.options import SimulatorOptions

MODEL = CATALOG["gpt-4o"]


def paces(options, fresh_tokens=0, reasoning_tokens=0, count=4_001):
    rng = random.Random(1)
    return [
        draw_pace(MODEL, options, rng, fresh_tokens=fresh_tokens, reasoning_tokens=reasoning_tokens)
        for _ in range(count)
    ]


def test_first_token_is_lognormal_about_the_median():
    first_ms = sorted(pace.first_s * 1000 for pace in paces(SimulatorOptions(latency_ms=300)))

    assert abs(first_ms[2_000] / 300 - 1) < 0.02
    assert abs(first_ms[3_801] / (300 * 2.718281828 ** (1.645 * 0.35)) - 1) < 0.04  # 95th percentile of a lognormal


def test_own_figures_of_the_model_and_prefill():
    without = statistics.median(pace.first_s for pace in paces(SimulatorOptions()))
    longer = statistics.median(pace.first_s for pace in paces(SimulatorOptions(), fresh_tokens=20_000))

    assert abs(without / 0.420 - 1) < 0.02
    assert round(longer - without, 6) == 1.0


def test_gaps_keep_the_rate():
    rates = [1 / pace.gap_s for pace in paces(SimulatorOptions(tokens_per_s=80))]
    gaps = Pace(gap_s=0.0125, sigma=0.4, rng=random.Random(3)).gaps()

    assert abs(statistics.median(rates) / 80 - 1) < 0.02
    assert abs(statistics.fmean(next(gaps) for _ in range(20_000)) / 0.0125 - 1) < 0.02


def test_reasoning_delays_the_first_token():
    (pace,) = paces(SimulatorOptions(latency_ms=0), reasoning_tokens=100, count=1)

    assert round(pace.first_s / pace.gap_s, 6) == 100


def test_zero_means_no_delay():
    (pace,) = paces(SimulatorOptions(latency_ms=0, tokens_per_s=0), count=1)

    assert (pace.first_s, pace.gap_s, pace.total_s(500)) == (0.0, 0.0, 0.0)


def test_paced_names():
    chunks, pace = parse_paced("sim-paced-50x5")

    assert (chunks, pace.first_s, pace.gap_s, pace.sigma, pace.stamped) == (50, 0.0, 0.005, 0.0, True)
    assert parse_paced("20x0")[0] == 20
    assert parse_paced("gpt-4o") is None
    assert parse_paced("sim-paced-5") is None
