"""A Slurm of several nodes on this machine, without installation: the packages of Debian 12, unpacked into a folder.

Every node is a slurmd with a host name of its own, and all of it stands in a namespace of process ids, which takes
whatever is left along when it ends: `enter` has to be called before anything else. Root is needed for both.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    *("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins"),
    *("munge", "libmunge2", "libjson-c5", "libhwloc15", "liblua5.1-0", "libyaml-0-2"),
    *("bindfs", "libfuse2"),
)
CONTROL = "control"
PATIENCE = 120.0  # seconds for anything of Slurm's own to happen
_INSIDE = "ASYNCGEN_SLURM_NAMESPACE"
_NODE = "ASYNCGEN_SLURM_NODE"  # of a daemon: where it runs

CONFIGURATION = """\
ClusterName=asyncgen
SlurmctldHost={control}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=10
MinJobAge=1000000
{nodes}
PartitionName=usual Nodes=ALL LLN=YES Default=YES PriorityTier=1 MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL LLN=YES PriorityTier=9 MaxTime=INFINITE State=UP
"""


def enter() -> None:
    """Start this program again as the first process of a namespace, in which nothing outlives it."""
    if _INSIDE in os.environ:
        return
    if os.geteuid():
        raise SystemExit("a Slurm of several nodes on one machine needs root: namespaces for its host names")
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", sys.executable, *sys.argv]
    os.execvpe(words[0], words, {**os.environ, _INSIDE: "1"})


def fetch(cache: Path) -> Path:
    """The folder in which Slurm is unpacked."""
    root, packages = cache / "root", cache / "packages"
    if not root.is_dir():
        packages.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["apt-get", "download", *PACKAGES], cwd=packages, check=False, stdout=sys.stderr).returncode:
            raise SystemExit("the packages of Slurm cannot be fetched: this is for Debian 12, after apt-get update")
        unpacked = cache / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        for package in packages.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True)
        unpacked.rename(root)
    return root


def wait_for(what: str, has_come: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not has_come():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:g} s in vain: {what}")
        time.sleep(0.2)


@dataclass(frozen=True)
class Process:
    """One of the namespace."""

    pid: int
    parent: int
    words: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def host(self) -> str:
        """Its node."""
        return self.environment.get("SLURMD_NODENAME") or self.environment.get(_NODE, "")

    @property
    def task(self) -> str:
        """The part that it is of an array; the number of its job may mean all of them."""
        return "{SLURM_ARRAY_JOB_ID}_{SLURM_ARRAY_TASK_ID}".format_map(self.environment)

    @property
    def is_run(self) -> bool:
        return "asyncgen" in self.words[:3] and "generate" in self.words

    def is_daemon(self, name: str) -> bool:
        return Path(self.words[0]).name.startswith(f"{name}-wlm")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def processes() -> Iterator[Process]:
    """Those that run; what has ended and nobody has asked for is none."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if not folder.name.isdecimal():
                continue
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            words, variables = (
                (folder / name).read_text(errors="replace").split("\0")[:-1] for name in ("cmdline", "environ")
            )
            if state != "Z" and words:
                environment = dict(each.partition("=")[::2] for each in variables)
                yield Process(int(folder.name), int(parent), tuple(words), environment)


@dataclass(frozen=True)
class Task:
    """A part of an array as Slurm tells it. `end`: its state and exit status; `restarts`: how often it was requeued."""

    number: int
    end: str
    restarts: int


class Slurm:
    """`folder`: with a short path, for sockets.

    `mounted`: a folder that each node sees by a mount of its own, on which locks hold and nowhere else.
    """

    def __init__(self, root: Path, folder: Path, nodes: int, cpus: int, mounted: Path | None = None) -> None:
        self.folder = folder
        self.nodes = tuple(f"node{number}" for number in range(1, nodes + 1))
        self._root = root
        self._mounted = mounted
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._hosts: dict[str, int] = {}  # a process in the namespace of each
        (libraries,) = root.glob("usr/lib/*/slurm-wlm")
        self._environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(map(str, (libraries, libraries.parent, *root.glob("lib/*")))),
            "SLURM_CONF": str(folder / "slurm.conf"),
        }
        port, *ports = free_ports(nodes + 1)
        configuration = CONFIGURATION.format(
            control=CONTROL,
            port=port,
            folder=folder,
            plugins=libraries,
            nodes="\n".join(
                f"NodeName={node} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={cpus * 4096}"
                for node, port in zip(self.nodes, ports, strict=True)
            ),
        )
        (folder / "state").mkdir(parents=True)
        (folder / "slurm.conf").write_text(configuration)

    @contextlib.contextmanager
    def running(self) -> Iterator["Slurm"]:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        munge = {name: str(self.folder / f"munge.{name}") for name in ("socket", "pid", "log", "seed")}
        try:
            self._daemon(
                "munged", "--force", "--foreground", "--key-file", str(key), "--socket", munge["socket"],
                "--pid-file", munge["pid"], "--log-file", munge["log"], "--seed-file", munge["seed"],
            )  # fmt: skip
            wait_for("munged", Path(munge["socket"]).exists)
            for host in (CONTROL, *self.nodes):
                self._start_host(host)
            self._daemon("slurmctld-wlm", "-D", host=CONTROL)
            for node in self.nodes:
                self.start_node(node)
            wait_for("all nodes are idle", lambda: set(self.run("sinfo", "-h", "-o", "%T").split()) == {"idle"})
            yield self
        finally:
            for daemon in reversed(self._daemons):
                daemon.kill()
                daemon.wait()

    def _start_host(self, host: str) -> None:
        words = ["sleep", "infinity"]
        if self._mounted is not None and host != CONTROL:
            words = [str(self._root / "usr/bin/bindfs"), "-f", "-o", "attr_timeout=0", *2 * (str(self._mounted),)]
        words = ["unshare", "--uts", "--mount", "sh", "-c", 'hostname "$0" && exec "$@"', host, *words]
        self._daemons.append(subprocess.Popen(words, env=self._environment))
        self._hosts[host] = pid = self._daemons[-1].pid
        wait_for(f"{host} is there", lambda: Path(f"/proc/{pid}/comm").read_text().strip() in ("sleep", "bindfs"))

    def start_node(self, node: str) -> None:
        stepd = str(self._root / "usr/sbin/slurmstepd-wlm")
        self._daemon("slurmd-wlm", "-D", "-d", stepd, host=node)

    def kill_step_daemon(self, run: Process) -> None:
        """What it leaves goes too: Slurm would start the part there again, find it in its way and hold the part."""
        for each in processes():
            if each.pid == run.parent and each.is_daemon("slurmstepd"):
                each.kill()
        job = int(run.environment["SLURM_JOB_ID"])
        shutil.rmtree(self.folder / f"spool-{run.host}" / f"job{job:05}", ignore_errors=True)

    def kill_node_daemon(self, node: str) -> None:
        for each in processes():
            if each.host == node and each.is_daemon("slurmd"):
                each.kill()

    def _daemon(self, name: str, *flags: str, host: str = "") -> None:
        words = [str(self._root / "usr/sbin" / name), *flags]
        if host:
            words = ["nsenter", "--target", str(self._hosts[host]), "--uts", "--mount", "--wd=/", *words]
        environment = {**self._environment, _NODE: host}
        with (self.folder / f"{name}-{host}.out").open("ab") as out:
            self._daemons.append(subprocess.Popen(words, env=environment, stdout=out, stderr=out))

    def run(self, name: str, *flags: str) -> str:
        """What one of Slurm's own commands prints, "" if it fails."""
        return self._command(name, *flags).stdout

    def _command(self, name: str, *flags: str) -> subprocess.CompletedProcess[str]:
        words = [str(self._root / "usr/bin" / name), *flags]
        return subprocess.run(words, env=self._environment, check=False, text=True, stdout=subprocess.PIPE)

    def submit(self, script: Path, *flags: str) -> str:
        """The number of the job."""
        job = self.run("sbatch", "--parsable", *flags, str(script)).strip()
        if not job:
            raise RuntimeError(f"sbatch has refused {script}")
        return job

    def tasks(self, job: str) -> list[Task]:
        """All parts of an array that have been told apart, as they are."""
        found = []
        for line in self.run("scontrol", "show", "job", "--oneliner", job).splitlines():
            told = dict(each.partition("=")[::2] for each in line.split())
            if told.get("ArrayTaskId", "").isdecimal():
                end = f"{told['JobState']} {told['ExitCode']}"
                found.append(Task(int(told["ArrayTaskId"]), end, int(told["Restarts"])))
        return found

    def is_over(self, job: str) -> bool:
        unfinished = self._command("squeue", "-h", "-o", "%F")
        return not unfinished.returncode and job not in unfinished.stdout.split()


def free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
