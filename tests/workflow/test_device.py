"""``device: auto`` is a question to the machine that computes, and is not asked of another."""

from __future__ import annotations

from tests.helpers.workdir import CONFIG, Workdir, copy_workdir

ELSEWHERE = """\
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False)


class Executor(RemoteExecutor):
    def __post_init__(self):
        self.next_seconds_between_status_checks = 0.1

    def run_job(self, job):
        raise WorkflowError(f"submitted {job.rule}")

    async def check_active_jobs(self, active_jobs):
        return
        yield

    def cancel_jobs(self, active_jobs):
        pass
"""

CERTIFICATE = "results/elsewhere/parity/reference/cpu.csv"


def test_auto_is_refused_before_any_job_is_sent_to_another_machine(tmp_path, monkeypatch):
    workdir = Workdir(tmp_path / "workdir")
    workdir.root.mkdir()
    copy_workdir(workdir.root)
    plugin = tmp_path / "snakemake_executor_plugin_elsewhere"
    plugin.mkdir()
    (plugin / "__init__.py").write_text(ELSEWHERE, encoding="utf-8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def submit(device):
        config = {**CONFIG, "results": "results/elsewhere", "device": device}
        words = [f"{key}={value}" for key, value in config.items()]
        return workdir.command(
            "--executor", "elsewhere", "--jobs", "1", CERTIFICATE, "--config", *words, modules=tmp_path
        )

    refused = submit("auto")
    assert refused.returncode == 2, refused.stdout
    (line,) = [line for line in refused.stdout.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: E2-USAGE: device auto: expected cpu or gpu")
    assert "--config device=gpu" in line
    assert "submitted" not in refused.stdout
    # Nothing stays locked, and a device called by its name is not refused.
    assert "submitted certify" in submit("cpu").stdout
