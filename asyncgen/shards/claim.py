"""Who makes a shard in object storage: a lease beside its parts, as it is in the lock file of an output.

It keeps two runs from paying for the same. What holds in any case is that a part is put only if there is none.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

import msgspec

from asyncgen.errors import FatalError
from asyncgen.output.lease import LOOKS, SETTLED, Keeper, Lease, decode_lease, encode_lease, is_kept_up, own_lease
from asyncgen.output.lock import HolderWait, StillHeldError
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.store import StorageError
from asyncgen.shards.stored import StoredShard


class ShardTakenError(FatalError):
    """Another run makes the shard, so this one need not: whoever has started it may do so again later."""

    reason = "taken"
    exit_status = StillHeldError.exit_status


class _LeaseObject:
    """An object as the place of a lease; removed when it is given back."""

    def __init__(self, shard: StoredShard) -> None:
        self._store = shard.store
        self._name = shard.lease_name

    def read(self) -> bytes:
        try:
            return self._store.read(self._name) or b""
        except StorageError:
            return b""

    def write(self, content: bytes) -> None:
        with contextlib.suppress(StorageError):
            self._store.put(self._name, content)

    def give_back(self) -> None:
        with contextlib.suppress(StorageError):
            self._store.remove(self._name)


@contextlib.contextmanager
def claimed(
    shard: StoredShard,
    paths: OutputPaths,
    say: Callable[[str], None],
    *,
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Lease]:
    """Hold the shard. Raises ShardTakenError that names the holder when there is one, after `patience` seconds.

    `paths`: where it is made on this machine, locked: another run that has claimed it for these files has ended.
    """
    lease = own_lease()
    lease = msgspec.structs.replace(lease, machine=f"{lease.machine} {paths.output}")
    waiting = HolderWait(patience, sleep, say)
    while (holder := _take(shard, lease, waiting.say, waiting.sleep)) is not None:
        what = f"{shard.path} is being made by {holder.holder}"
        if waiting.is_over:
            raise ShardTakenError(f"{what}; later, the same line may go on")
        waiting.wait(what)
    with Keeper(_LeaseObject(shard), lease).kept_up():
        yield lease


def _take(shard: StoredShard, lease: Lease, say: Callable[[str], None], sleep: Callable[[float], None]) -> Lease | None:
    """Write the lease, unless another run is alive: its lease then."""
    place, name = _LeaseObject(shard), shard.lease_name
    if shard.store.put_if_absent(name, encode_lease(lease)):
        return None
    content = shard.store.read(name) or b""
    other = decode_lease(content)
    if other is not None and other.machine != lease.machine:
        say(f"{shard.path} was being made by {other.holder}; watching for {LOOKS} s whether it still is")
        if is_kept_up(place.read, content, sleep):
            return other
    shard.store.put(name, encode_lease(lease))
    sleep(SETTLED)
    there = decode_lease(shard.store.read(name) or b"")
    return there if there is not None and there.run != lease.run else None
