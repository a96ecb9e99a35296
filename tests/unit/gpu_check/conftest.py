"""A driver that answers as it is told."""

from __future__ import annotations

import os

import pytest

from lstmbench.gpu_check import card

HEADER = "| NVIDIA-SMI 535.104  Driver Version: 535.104  CUDA Version: 12.2 |"


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put an ``nvidia-smi`` on PATH that answers as it is told: a driver that describes one idle card."""
    monkeypatch.setattr(card, "SETTLING_SECONDS", 0.1)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(apps="", utilization="0", gpu="NVIDIA H100, 535.104, 9.0, 81559, 700.00, 1980", code=0):
        script = tmp_path / "bin/nvidia-smi"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            "#!/bin/sh\n"
            f"case $* in *id=1*compute-apps*) ;; *compute-apps*) echo '{apps}';; *=index*) printf '0\\n1\\n';;"
            f" *utilization*) echo '{utilization}';; --query-gpu*) echo '{gpu}';; *) echo '{HEADER}';; esac\n"
            f"exit {code}\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)

    put()
    return put
