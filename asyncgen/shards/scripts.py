"""Jobs that make all shards of a plan, to be read, changed where it says so, and submitted by hand.

What is started is asyncgen itself and no shell around it, so that a signal comes to it; it gets less time to drain than
lies between the signal and the kill. A part that is started again goes on where it was, and ends at once when its shard
is there.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from string import Template
from typing import TYPE_CHECKING

from asyncgen.shards.cut import LOCAL

if TYPE_CHECKING:
    from asyncgen.shards.places import Shards
    from asyncgen.shards.plan import ShardPlan

SLURM, KUBERNETES = SYSTEMS = ("slurm", "kubernetes")
GRACE = 20  # seconds; Slurm (KillWait) and Kubernetes kill 30 seconds after the signal, unless told otherwise
SLURM_MOST = 1000  # parts of an array: MaxArraySize is 1001 unless the site has raised it

_SLURM = Template("""\
#!/bin/bash
#SBATCH --job-name=$name
#SBATCH --array=0-$last%$at_once
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=$log

# Submit it from where keys are in the environment, or in a .env of the folder below:
$submit
# A shard that reached the time limit, or whose node failed, goes on when this is submitted again; one that is made ends
# at once. In the end: $merge
# The time: $size conversations take about $minutes min at 25 a second. The limit is announced two minutes ahead.

PATH=$bin:$$PATH  # of the asyncgen that has printed this
cd $folder || exit 2
# exec: the signal comes to asyncgen and not to a shell that would leave it behind.
exec $command
""")
_KUBERNETES = Template("""\
# Change what is in capitals; then: kubectl apply -f FILE. In the end: $merge
# $shared
apiVersion: batch/v1
kind: Job
metadata:
  name: $name
spec:
  completionMode: Indexed
  completions: $count
  parallelism: $at_once
  backoffLimitPerIndex: 10
  podReplacementPolicy: Failed  # none beside one that is still ending
  podFailurePolicy:
    rules:
    - action: Ignore  # a node that is drained or preempted; a new pod goes on
      onPodConditions:
      - type: DisruptionTarget
        status: "True"
    - action: FailIndex  # 2: usage or configuration, 3: some indices were refused; the same again would not help
      onExitCodes:
        containerName: asyncgen
        operator: In
        values: [2, 3]
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: $kill
      containers:
      - name: asyncgen
        image: IMAGE_WITH_ASYNCGEN
        workingDir: $folder
        command: [$words]  # no shell: the signal comes to asyncgen
        envFrom:
        - secretRef:
            name: SECRET_WITH_THE_KEY
        resources:
          requests: {cpu: "1", memory: 1Gi}
          limits: {memory: 2Gi}
        volumeMounts:
        - name: data
          mountPath: $mounted
      volumes:
      - name: data
        $volume
""")
# How all pods come to the plan, and what each of them writes to.
_FOLDER = {
    "shared": "The volume is shared by all pods (ReadWriteMany), and the plan is in it: asyncgen shards has run there.",
    "volume": "persistentVolumeClaim:\n          claimName: CLAIM",
}
_STORAGE = {
    "shared": "The keys of the storage are in the secret, too, or come with the service account of the pods.",
    "volume": "emptyDir: {}  # a shard, until it is published",
}


def write_job(system: str, shards: "Shards", plan: "ShardPlan") -> str:
    """`system`: one of SYSTEMS."""
    stem = str(shards.stem)
    words = ["asyncgen", "generate", "--shard", "auto", "-o", stem, "--grace", str(GRACE), "--quiet"]
    folder = None if isinstance(shards.path, str) else shards.path.absolute()
    common = {
        "name": re.sub(r"[^a-z0-9]+", "-", f"asyncgen-{PurePath(stem).name}".lower()).strip("-")[:50],
        "at_once": str(min(plan.at_once, len(plan))),
        "merge": f"asyncgen merge {shlex.quote(stem)}" + ("" if folder else " -o FILE"),
    }
    if system == KUBERNETES:
        return _write_kubernetes(common, words, folder, len(plan))
    return _write_slurm(common, words, folder, plan)


def _write_kubernetes(common: Mapping[str, str], words: Sequence[str], folder: Path | None, count: int) -> str:
    """`folder`: of the shards, None for those in object storage."""
    here = Path.cwd()
    mounted = here / LOCAL if folder is None else here if folder.is_relative_to(here) else folder.parent
    return _KUBERNETES.substitute(
        common,
        **(_STORAGE if folder is None else _FOLDER),
        count=count,
        mounted=_quoted(mounted),
        kill=GRACE + 10,
        words=", ".join(map(_quoted, words)),
        folder=_quoted(here),
    )


def _write_slurm(common: Mapping[str, str], words: list[str], folder: Path | None, plan: "ShardPlan") -> str:
    count = len(plan)
    submit, log = ["#   sbatch FILE"], "%5a.log"
    if count > SLURM_MOST:  # the number of a part plus what is submitted with it
        words[words.index("auto")] = "auto+${FROM:-0}"
        submit, log = list(_submit_in_turn(count, common["at_once"])), "%A-%5a.log"
    return _SLURM.substitute(
        common,
        last=min(count, SLURM_MOST) - 1,
        log=shlex.quote(
            str(folder or Path.cwd() / common["name"]).replace("%", "%%") + f"{'/' if folder else '-'}{log}"
        ),
        bin=shlex.quote(str(Path(sys.executable).parent)),
        folder=shlex.quote(str(Path.cwd())),
        submit="\n".join(submit),
        size=f"{plan.size:,}",
        minutes=max(1, round(plan.size / 25 / 60)),
        command=" ".join(word if "$" in word else shlex.quote(word) for word in words),
    )


def _quoted(text: str | Path) -> str:
    """As YAML reads it."""
    return json.dumps(str(text), ensure_ascii=False)


def _submit_in_turn(count: int, at_once: str) -> Iterator[str]:
    """Each array when the one before it has ended: together they would run as many times what is to run at a time."""
    for first in range(0, count, SLURM_MOST):
        last = min(SLURM_MOST, count - first) - 1
        after = "--dependency=afterany:$JOB " if first else ""
        yield f"#   JOB=$(sbatch --parsable {after}--export=ALL,FROM={first} --array=0-{last}%{at_once} FILE)"
