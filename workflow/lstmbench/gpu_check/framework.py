"""Import one implementation, let it train a step on the device, and write the versions of its libraries.

This runs in a separate process, because a check imports several frameworks and none may load another.
"""

from __future__ import annotations

from lstmbench import implementations
from lstmbench.gpu_check.card import require_new_enough
from lstmbench.models.learner import Learner, ModelSpec
from lstmbench.parity import comparison
from lstmbench.system.device import split_device
from lstmbench.utils.errors import MachineError


def versions(implementation: str, device: str, card: dict[str, str]) -> dict[str, str]:
    """Train one step on ``device`` and return the versions of the implementation's libraries.

    Raises:
        MachineError: the framework is missing, its build needs a newer driver than the ``card`` has, or it finds no
            usable GPU.
    """
    module = implementations.load(implementation)
    module.configure(threads=1)
    kind = split_device(device).kind
    if kind == "gpu":
        require_new_enough(card, module.versions(), implementation)
        if not module.has_gpu():
            raise MachineError(
                f"{implementation} finds no usable GPU: expected a build for CUDA, found {module.versions()}; install "
                "one (make GPU=1 install), and see that CUDA_VISIBLE_DEVICES does not hide the card"
            )

    def build(spec: ModelSpec, dtype: str = "float32", seed: int = 0) -> Learner:
        learner: Learner = module.Learner(spec, kind, seed, dtype)
        return learner

    comparison.start(build, comparison.LANGUAGE_MODEL, "float32").train(comparison.batches(1))
    versions: dict[str, str] = module.versions()
    return versions
