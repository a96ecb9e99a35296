"""Make a request of the options that train, sample and gpu-resume share."""

from __future__ import annotations

import argparse

from lstmbench.training.session import RunRequest


def request_of(options: argparse.Namespace, device: str, seed: int) -> RunRequest:
    """Return what the options ask to train or measure."""
    return RunRequest(
        data=options.data,
        preset_file=options.preset,
        weights_file=options.weights,
        implementation=options.implementation,
        device=device,
        threads=options.threads,
        seed=seed,
    )
