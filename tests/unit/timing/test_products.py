"""The matrix products of a step alone: once per turn, in the fastest way."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lstmbench.timing.products import CLEARLY_SLOWER, PRODUCT_SECONDS, CallTimer


def test_a_way_that_is_clearly_slower_is_not_timed_again(measured, probe, monkeypatch):
    times = []

    def slow(_):
        times.append("slow")
        return 2 * CLEARLY_SLOWER * 2e-6

    def fast(_):
        times.append("fast")
        return 2e-6

    monkeypatch.setattr(probe, "gemms", lambda *_: [slow, fast])
    products = measured().products
    assert {product.seconds for product in products} == {2e-6}
    assert times.count("slow") == len(products)
    assert times.count("fast") == len(products) * (1 + 4)


def test_a_product_has_the_time_of_the_fastest_way_and_only_those_of_a_recurrence_share_their_weights(measured, probe):
    products = measured().products
    assert {product.seconds for product in products} == {2e-6}
    shared = {product.name for product in products if probe.shared[product.left]}
    assert shared == {"layer 0 state"}


def test_a_product_is_timed_once_per_turn_and_its_mean_counts(measured, probe, monkeypatch):
    changing, asked = iter([9e-6, 1e-6, 3e-6, 1e-6, 7e-6]), []  # the first, which may compile, is not counted

    def gemms(*arguments):
        asked.append(arguments)
        return [(lambda times: next(changing)) if len(asked) == 1 else (lambda times: 2e-6)]

    monkeypatch.setattr(probe, "gemms", gemms)
    first, *others = measured().products
    assert first.seconds == pytest.approx(3e-6)
    assert {product.seconds for product in others} == {2e-6}


def test_a_first_call_that_compiles_does_not_make_the_turns_of_a_product_short(monkeypatch):
    now, asked = [0.0], []

    class Clock:
        def __init__(self):
            self.start = now[0]

        def seconds(self):
            return now[0] - self.start

    def work(times):
        now[0] += times * 1e-4 + 1e-3 + (0.5 if not asked else 0.0)  # a call of the function costs something too
        asked.append(times)

    monkeypatch.setattr("lstmbench.timing.products.Stopwatch", Clock)
    product = CallTimer(work)
    product.turn()
    assert product.seconds == [pytest.approx(1e-4, rel=0.2)]
    assert asked[-1] * 1e-4 > 0.5 * PRODUCT_SECONDS


def test_a_way_to_multiply_that_is_slow_once_at_first_is_timed_all_the_same(monkeypatch):
    now, calls = [0.0], []

    def work(times):
        calls.append(times)
        now[0] += times * PRODUCT_SECONDS * (50.0 if len(calls) == 2 else 1.0)

    monkeypatch.setattr(
        "lstmbench.timing.products.Stopwatch", lambda: SimpleNamespace(seconds=lambda start=now[0]: now[0] - start)
    )
    assert CallTimer(work).first == pytest.approx(PRODUCT_SECONDS)
