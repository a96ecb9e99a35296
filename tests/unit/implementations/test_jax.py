"""JAX's threads, its blocks of any length, and what its documentation does not promise."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("jax", reason="JAX is not installed (make JAX=1 install)")

from lstmbench.implementations import jax as implementation
from lstmbench.parity import comparison
from lstmbench.utils.errors import UsageError
from lstmbench.utils.paths import ROOT
from tests.helpers.implementation_params import configured

COUNTED = """
import json, os, sys
from pathlib import Path
from lstmbench.implementations import jax as implementation

implementation.configure(int(sys.argv[1]))

import jax, jax.numpy as jnp

def seconds():
    '''CPU time of each thread of this process, by its number, with its name.'''
    found = {}
    for task in Path("/proc/self/task").iterdir():
        name, _, fields = (task / "stat").read_text().partition("(")[2].rpartition(") ")
        user, system = fields.split()[11:13]
        found[task.name] = (name, int(user) + int(system))
    return found

product = jax.jit(lambda a: a @ a)
one = jnp.ones((1500, 1500), jnp.float32)
product(one).block_until_ready()
before = seconds()
for _ in range(8):
    product(one).block_until_ready()
used = {number: (name, after - before.get(number, ("", 0))[1]) for number, (name, after) in seconds().items()}
print(json.dumps({"nproc": os.environ.get("NPROC"), "pool": [name for name, _ in used.values()].count("tf_XLAEigen"),
                  "working": [name for name, ticks in used.values() if ticks > 2]}))
"""


def counted(threads: int, **variables: str) -> dict:
    """What a process with this many threads finds of itself after large products."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow"), **variables}
    command = [sys.executable, "-c", COUNTED, str(threads)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_one_thread_computes_if_one_is_asked_for_and_the_environment_is_left_as_it_was():
    found = counted(1, NPROC="7")
    assert "tf_XLAEigen" not in found["working"]
    assert len(found["working"]) == 1
    assert found["nproc"] == "7"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_xla_has_as_many_threads_in_its_pool_as_are_asked_for():
    assert counted(2)["pool"] == 2
    assert counted(3)["pool"] == 3


def test_another_number_of_threads_is_refused_once_xla_runs():
    module = configured("jax")
    module.configure(threads=1)
    with pytest.raises(UsageError, match="2 threads: expected 1"):
        module.configure(threads=2)


def test_blocks_of_many_lengths_share_a_program():
    run = comparison.start(
        lambda spec, dtype, seed: configured("jax").Learner(spec, "cpu", seed, dtype), comparison.LANGUAGE_MODEL
    )
    run.train(comparison.batches(8))
    compiled = implementation._train_block._cache_size()
    for steps in (5, 6, 7):
        assert run.train(comparison.batches(steps)).shape == (steps,)
    assert implementation._train_block._cache_size() == compiled


def test_a_learner_shares_no_memory_with_its_caller():
    spec = dataclasses.replace(comparison.LANGUAGE_MODEL, hidden_size=64)
    run = comparison.start(lambda spec, dtype, seed: configured("jax").Learner(spec, "cpu", seed, dtype), spec)
    examples = comparison.examples(spec)
    memory = np.zeros(examples.inputs.size + 16, np.int32)
    start = -memory.ctypes.data % 64 // 4  # JAX shares only memory that is aligned like its own
    inputs = memory[start : start + examples.inputs.size].reshape(examples.inputs.shape)
    inputs[...] = examples.inputs
    examples = dataclasses.replace(examples, inputs=inputs)
    run.data = run.learner.place(examples)
    expected, _ = run.evaluate(comparison.batches(1))
    run.state = run.learner.initial_state(comparison.BATCH)
    examples.inputs[...] = 0
    np.testing.assert_array_equal(run.evaluate(comparison.batches(1))[0], expected)
