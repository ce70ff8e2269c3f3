"""All that a shard replicates: descriptor, client sessions, versions, transactions, what was done for sagas.

Here it becomes bytes and comes back from them, as a whole, as the half that is split off, or as what another shard
takes over. What commands do to it is in machine.py. Everything is a function of the state alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout, ShardDescriptor
from PhantomLibrary.database.directory import DIRECTORY_KEY, Directory, decode_directory
from PhantomLibrary.database.reshapes import Absorbing, Offspring, Shape
from PhantomLibrary.database.saga_state import SagaImage, SagaState
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import ShardId
from PhantomLibrary.domain.rows import GLOBAL_SPAN, is_global
from PhantomLibrary.protocols.mvcc.versions import Version, VersionedStore, key_bytes
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.transactions.sharing import divide, unite
from PhantomLibrary.protocols.transactions.table import TableDump, TransactionTable
from PhantomLibrary.sql.image import Image

NEVER = -1  # The epoch of a shard that does not serve: no request has it.
_SESSION_BYTES = 64
_encode = msgspec.msgpack.Encoder().encode


class SnapshotHead(msgspec.Struct, array_like=True):
    """The first chunk of a snapshot."""

    applied_index: int
    descriptor: ShardDescriptor
    sessions: list[tuple[int, int, str | None]]
    last_timestamp_ns: int
    sagas: SagaImage
    horizon_ns: int = 0
    transactions: TableDump = msgspec.field(default_factory=TableDump)
    shape: Shape = Shape()


_decode_head = msgspec.msgpack.Decoder(SnapshotHead).decode
decode_keys = msgspec.msgpack.Decoder(list[tuple[bytes, list[Version]]]).decode


class ShardState:
    """Begins as the layout says. `epoch` is that of requests which are served; `is_reshaped` says, until somebody takes
    that back, that descriptor or shape have changed, and `offspring` is what was split off.
    """

    def __init__(
        self,
        layout: ClusterLayout,
        descriptor: ShardDescriptor,
        sessions: SessionTable,
        fences: Fences | None = None,
        table: type[TransactionTable] = TransactionTable,
    ) -> None:
        config = layout.config
        self.descriptor = descriptor
        self.shape = Shape()
        self.epoch = descriptor.epoch
        self.is_reshaped = False
        self.offspring: Offspring | None = None
        self.directory: Directory | None = None  # On shard 0.
        self.applied_index = 0
        self._chunk_bytes = config.snapshot_chunk_bytes
        self._retention_ns = config.version_retention_ns
        self._sessions = sessions
        self.sagas = SagaState(fences if fences is not None else Fences())
        self._store = VersionedStore()
        self.image: Image | None = None  # Derived, by whoever needs it: see sql/image.py.
        self.transactions = table(
            self._store, retention_ns=config.version_retention_ns, patience_ns=config.undecided_max_ns
        )

    # --- as bytes ---------------------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[bytes, ...]:
        """Return everything as chunks of bytes: a head, then keys in their order."""
        return (_encode(self._head()), *self._key_chunks())

    def _head(self) -> SnapshotHead:
        return SnapshotHead(
            self.applied_index,
            self.descriptor,
            self._sessions.dump(),
            self._store.last_timestamp_ns,
            self.sagas.dump(),
            self._store.horizon_ns,
            self.transactions.dump(),
            self.shape,
        )

    def _key_chunks(self, picks: Callable[[str], bool] | None = None) -> Iterator[bytes]:
        """Yield all keys, or some, in pieces of about `snapshot_chunk_bytes`, each of one key at least."""
        items: list[tuple[bytes, list[Version]]] = []
        size = 0
        for key, versions in self._store.items():
            if picks is not None and not picks(key.decode()):
                continue
            items.append((key, versions))
            size += key_bytes(key, versions)
            if size >= self._chunk_bytes:
                yield _encode(items)
                items, size = [], 0
        if items:
            yield _encode(items)

    def restore(self, chunks: tuple[bytes, ...]) -> None:
        """Become what `snapshot` described."""
        head = _decode_head(chunks[0])
        self.applied_index = head.applied_index
        self._become(head.descriptor, head.shape)
        self.offspring = None
        self._restore_sessions(head)
        self.sagas.load(head.sagas)
        self._store = VersionedStore()
        self._store.last_timestamp_ns, self._store.horizon_ns = head.last_timestamp_ns, head.horizon_ns
        self.transactions.load(head.transactions, self._store)
        self._load_keys(chunks[1:])
        if self.descriptor.shard == SYSTEM_SHARD:
            self.directory = decode_directory(self._store.latest(DIRECTORY_KEY.encode()) or b"")

    def _load_keys(self, chunks: tuple[bytes, ...]) -> None:
        for chunk in chunks:
            for key, versions in decode_keys(chunk):
                self._store.load(key, versions)

    def _restore_sessions(self, head: SnapshotHead) -> None:
        self._sessions.load(head.sessions)

    @property
    def store(self) -> VersionedStore:
        """Return the versions, another store after each `restore`."""
        return self._store

    def held_keys(self) -> list[str]:
        """Return the keys that this holds versions of."""
        return [key.decode() for key, _ in self._store.items()]

    def copies(self) -> dict[str, str]:
        """Return what this holds of what is everywhere, by keys."""
        store = self._store
        held = ((key.decode(), store.latest(key)) for key in store.keys(*(each.encode() for each in GLOBAL_SPAN)))
        return {key: value.decode() for key, value in held if value is not None}

    def digest(self) -> int:
        """Return a number that machines of equal content share."""
        times = (self._store.last_timestamp_ns, self._store.horizon_ns)
        replicated = (self._sessions.dump(), *times, self.sagas.dump(), self.transactions.dump())
        rest = _encode((self.descriptor, self.shape, *replicated))
        return self._store.digest() ^ int.from_bytes(blake2b(rest, digest_size=8).digest(), "big")

    def _become(self, descriptor: ShardDescriptor, shape: Shape) -> None:
        """Take on another descriptor, another shape."""
        self.descriptor, self.shape = descriptor, shape
        self.epoch = NEVER if shape.frozen else descriptor.epoch
        self.is_reshaped = True

    # --- splits -----------------------------------------------------------------------------------------------------

    def middle(self) -> str:
        """Return where half of the keys that have a value are on either side, "" where no place divides them. What is
        everywhere is on both.
        """
        held = (key.decode() for key, versions in self._store.items() if versions[-1][1] is not None)
        tokens = sorted(self.descriptor.token(key) for key in held if not is_global(key))
        behind = [each for each in tokens[len(tokens) // 2 :] if each > tokens[0]]
        return behind[0] if behind else ""

    def _split_off(self, task: int, token: str, new: ShardId) -> None:
        """Give the keys from `token` on to a new shard, which begins where this log stands now."""
        index, before = self.applied_index, self.descriptor
        right = replace(before, shard=new, start=token, epoch=index)
        cut = "" if before.is_hashed else token
        left_part, right_part = divide(self.transactions.dump(), new, right.holds, from_key=cut)
        self.offspring = Offspring(right, self._right_half(right, right_part, task))
        narrowed = replace(before, end=token, epoch=index)
        self._store.drop([key for key, _ in self._store.items() if not narrowed.holds(key.decode())])
        self.transactions.load(left_part, self._store)
        self._become(narrowed, replace(self.shape, task=task, refusal="", heir=right))

    def _right_half(self, descriptor: ShardDescriptor, transactions: TableDump, task: int) -> tuple[bytes, ...]:
        """Return the snapshot with which the right half begins. Sessions, fences and times are those of both."""
        head = replace(
            self._head(),
            descriptor=descriptor,
            sagas=SagaImage([], self.sagas.fences.dump()),
            transactions=transactions,
            shape=Shape(task=task),
        )
        return (_encode(head), *self._key_chunks(descriptor.holds))

    # --- merges -----------------------------------------------------------------------------------------------------

    def frozen_chunks(self) -> tuple[bytes, ...]:
        """Return the state of a shard that is frozen, which is the same on every replica, whenever it is asked for.

        What is everywhere the other shard has.
        """
        descriptor = replace(self.descriptor, epoch=0, voters=(), learners=())
        head = replace(self._head(), applied_index=0, descriptor=descriptor, shape=Shape())
        return (_encode(head), *self._key_chunks(lambda key: not is_global(key)))

    def _take_chunk(self, task: int, chunk: int, chunks: int, content: bytes) -> None:
        """Keep a chunk of another shard's state, if it is the next one; with the last one, take that shard over."""
        absorbing = self.shape.absorbing
        if absorbing is None or absorbing.task != task:
            absorbing = Absorbing(task)
        if chunk != len(absorbing.chunks):
            return
        absorbing = Absorbing(task, (*absorbing.chunks, content))
        if chunk + 1 < chunks:
            self._become(self.descriptor, replace(self.shape, absorbing=absorbing))
        else:
            self._absorb(task, absorbing.chunks)

    def _absorb_times(self, head: SnapshotHead) -> None:
        """Be as late as the other shard was: what it has served and promised was up to there."""
        self._store.reserve(head.last_timestamp_ns)
        self._store.horizon_ns = max(self._store.horizon_ns, head.horizon_ns)
        self.transactions.fence_ns = max(self.transactions.fence_ns, head.transactions.fence_ns)

    def _absorb(self, task: int, chunks: tuple[bytes, ...]) -> None:
        head = _decode_head(chunks[0])
        right, before, store = head.descriptor, self.descriptor, self._store
        assert before.end == right.start
        self._load_keys(chunks[1:])
        self._sessions.absorb(head.sessions)
        self.sagas.fences.absorb(head.sagas.fences)
        united = unite(self.transactions.dump(), head.transactions, before.shard, right.shard)
        self.transactions.load(united, store)
        self.transactions.settle_all()
        self._absorb_times(head)
        index = self.applied_index
        widened = replace(before, end=right.end, epoch=index)
        self._become(widened, replace(self.shape, task=task, refusal="", heir=None, absorbing=None, widened=index))

    @property
    def bytes(self) -> int:
        """How many bytes this holds: versions, and sessions."""
        return self._store.bytes + len(self._sessions) * _SESSION_BYTES
