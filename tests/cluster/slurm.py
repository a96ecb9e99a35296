"""A real Slurm for the tests: munged, slurmctld and one slurmd per node on loopback, all their files in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
SYSTEM = "/usr/sbin:/usr/bin"
"""Where the daemons are, which are not on everybody's PATH."""

NODES = ("first", "second")
"""No name of this host, so that a record shows which of the two it has."""

PROCESSORS, MEMORY_MB = 8, 100_000
"""What each node says it has."""

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
# Nodes say they have more than the machine, so that jobs that mostly wait run side by side.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
# Without a database, and with memory looked at every second: more than was asked for ends a job.
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=300
KillWait=10
GresTypes=gpu
"""


class Slurm:
    """Two nodes, the second with a GPU that nobody has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        self._daemons: list[subprocess.Popen] = []

    @staticmethod
    def lacks() -> str:
        """Why it cannot be started here; empty if it can."""
        missing = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
        if missing:
            return f"Slurm is not installed (no {', '.join(missing)}): apt-get install slurm-wlm munge"
        return "" if os.geteuid() == 0 else "starting Slurm's daemons takes root"

    def start(self) -> None:
        """Raises RuntimeError, with what the daemons say, if the nodes are not ready within some seconds."""
        for name in ("munge", "state", "log", "bin", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(mode=0o700)
        key = self.folder / "munge/key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        ports = _free_ports(1 + len(NODES))
        lines = [CONFIGURATION.format(host=socket.gethostname(), port=ports[0], folder=self.folder)]
        for node, port in zip(NODES, ports[1:], strict=True):
            gres = "Gres=gpu:1" if node == NODES[-1] else ""
            lines.append(
                f"NodeName={node} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} "
                f"CPUs={PROCESSORS} RealMemory={MEMORY_MB} {gres}\n"
            )
        lines.append(f"PartitionName=main Nodes={','.join(NODES)} Default=YES MaxTime=INFINITE State=UP\n")
        self.configuration.write_text("".join(lines), encoding="utf-8")
        device = self.folder / "gpu0"
        device.touch()
        (self.folder / "gres.conf").write_text(f"NodeName={NODES[-1]} Name=gpu File={device}\n", encoding="utf-8")
        # Snakemake's job step drops SLURM_CONF, which on a cluster is found in the system's place.
        srun = self.folder / "bin/srun"
        real = shutil.which("srun", path=_path())
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {real} "$@"\n', encoding="utf-8")
        srun.chmod(0o755)
        munge = self.folder / "munge"
        self._start(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={munge}/socket",
            f"--pid-file={munge}/pid", f"--log-file={self.folder}/log/munged", f"--seed-file={munge}/seed",
        )  # fmt: skip
        self._start("slurmctld", "-D", "-i", "-f", self.configuration)
        for node in NODES:
            self._start("slurmd", "-D", "-N", node, "-f", self.configuration)
        self._wait_until_ready()

    def stop(self) -> None:
        """Cancel what is queued and end the daemons, the last started first."""
        self.run("scancel", "--user=root", "--signal=KILL", "--full")
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def environment(self, *folders: Path) -> dict[str, str]:
        """In which this cluster is found, and the programs in ``folders``."""
        path = os.pathsep.join([str(self.folder / "bin"), *map(str, folders), _path()])
        return {**os.environ, "PATH": path, "SLURM_CONF": str(self.configuration)}

    def run(self, *command: str) -> str:
        """What a program of Slurm's says."""
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs of the last minutes, with the fields of ``scontrol show job``."""
        lines = self.run("scontrol", "show", "jobs", "--details", "--oneliner").splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def _start(self, program: str, *arguments: object) -> None:
        log = self.folder / "log" / f"{program}-{len(self._daemons)}"
        command = [shutil.which(program, path=_path()), *map(str, arguments)]
        with log.open("wb") as stream:
            self._daemons.append(
                subprocess.Popen(command, env=self.environment(), stdout=stream, stderr=subprocess.STDOUT)
            )

    def _wait_until_ready(self) -> None:
        for _ in range(150):
            if self.run("sinfo", "--noheader", "--Node", "--format=%T").split() == ["idle"] * len(NODES):
                return
            time.sleep(0.2)
        printed = [f"{path.name}:\n{path.read_text(errors='replace')[-2000:]}" for path in self.folder.glob("log/*")]
        self.stop()
        raise RuntimeError("Slurm did not start.\n" + "\n".join(printed))


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], SYSTEM])


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
