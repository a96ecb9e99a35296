"""The workflow on a real Slurm: copies of it whose jobs go through the shipped profile into its queue."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from tests.cluster.slurm import Slurm
from tests.helpers.workdir import CONFIG, copy_workdir

PROFILE = "profiles/slurm"

RUNS = "results/tiny/runs/markov/tiny"

Found = TypeVar("Found")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


class Site:
    """A working directory with the workflow in it, and the Slurm that its jobs go to."""

    def __init__(self, root: Path, slurm: Slurm) -> None:
        self.root, self.slurm = root, slurm
        self._printed = root / "said.txt"
        self.snakemake: subprocess.Popen[bytes] | None = None
        copy_workdir(root)

    @property
    def printed(self) -> str:
        """What Snakemake wrote."""
        return self._printed.read_text(encoding="utf-8", errors="replace")

    def adapt(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the profile, as users do."""
        path = self.root / PROFILE / "config.yaml"
        profile = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(profile)
        path.write_text(yaml.safe_dump(profile), encoding="utf-8")

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[bytes]:
        """Start snakemake with the profile, on CONFIG with ``changes``."""
        config = [f"{key}={value}" for key, value in {**CONFIG, **changes}.items()]
        environment = self.slurm.environment(Path(sys.executable).parent)
        environment.pop("PYTHONPATH", None)
        command = ["snakemake", "--workflow-profile", PROFILE, *arguments, "--config", *config]
        with self._printed.open("wb") as stream:
            self.snakemake = subprocess.Popen(
                command,
                cwd=self.root,
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches it even if the tests are a shell's background job, which is told to ignore it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        return self.snakemake

    def run(self, *arguments: str, **changes: str) -> None:
        """Start it, and wait until it has ended well."""
        assert self.start(*arguments, **changes).wait() == 0, self.printed

    def stop(self) -> None:
        """End a Snakemake that a failed test has left."""
        if self.snakemake and self.snakemake.poll() is None:
            self.snakemake.kill()
            self.snakemake.wait()

    def wait_for(self, what: Callable[[], Found], seconds: float = 60) -> Found:
        """What ``what`` returns, as soon as that is true; fails after ``seconds``."""
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, f"not within {seconds} s; Snakemake said:\n{self.printed}"
            time.sleep(0.1)
        return found

    def jobs(self, *words: str) -> list[dict[str, str]]:
        """The jobs submitted from here in whose comment (rule and wildcards) all these words stand, in their order."""
        mine = [job for job in self.slurm.jobs() if job["WorkDir"] == str(self.root)]
        found = [job for job in mine if set(words) <= set(job["Comment"].split("_"))]
        return sorted(found, key=lambda job: int(job["JobId"]))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A Slurm of our own, for as long as the tests take."""
    if reason := Slurm.lacks():
        pytest.skip(reason)
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def build_site(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """Make a site by its name, whose Snakemake looks after its jobs more often than a large cluster would like."""
    sites = []

    def build(name: str) -> Site:
        sites.append(Site(tmp_path_factory.mktemp(name), slurm))
        sites[-1].adapt(lambda profile: profile.update({"slurm-init-seconds-before-status-checks": 2}))
        return sites[-1]

    yield build
    for site in sites:
        site.stop()
