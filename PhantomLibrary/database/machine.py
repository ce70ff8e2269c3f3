"""The state that a shard replicates: descriptor, client sessions, versions.

`apply` is a function of the state and the command alone: no clock, no randomness, nothing of the node it runs on.
So replicas that applied the same commands have the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from PhantomLibrary.database.config import SYSTEM_SHARD, ClusterLayout, ShardDescriptor
from PhantomLibrary.database.directory import (
    DIRECTORY_KEY,
    Directory,
    descriptor_of,
    encode_directory,
    first_directory,
    why_not_standing,
    with_shard,
    with_standing,
)
from PhantomLibrary.database.messages import (
    Absorb,
    AskTask,
    Command,
    Done,
    EndTask,
    Execute,
    ExecuteAct,
    Freeze,
    Frozen,
    Held,
    MoveSaga,
    OpenSession,
    Outcome,
    Record,
    RefuseTask,
    Reshape,
    SplitOff,
    StaleRoute,
    Sweep,
    Told,
    Transact,
)
from PhantomLibrary.database.moving import with_cancelled, with_ended, with_plan
from PhantomLibrary.database.regions.messages import AdoptPolicy
from PhantomLibrary.database.regions.refusals import NEEDS_ONE_ORDER, NOT_OVER_REGIONS
from PhantomLibrary.database.reshaping import with_task_ended, with_wish
from PhantomLibrary.database.scale_plans import with_scale_step, with_scaling_wish
from PhantomLibrary.database.scaling import ScaleStep
from PhantomLibrary.database.sessions import SessionTable, session_number
from PhantomLibrary.database.shard_state import NEVER, ShardState
from PhantomLibrary.database.sql.sweeping import dead_keys
from PhantomLibrary.domain import (
    Append,
    BeginSaga,
    CancelSaga,
    Cas,
    ChangeMember,
    Configuration,
    Delete,
    Get,
    Increment,
    NodeId,
    Observation,
    Put,
    Remove,
    ShardId,
)
from PhantomLibrary.domain.placement import CancelMoves, CancelReshape, ChangePlacement, MergeShards, SplitShard
from PhantomLibrary.domain.region_policy import ChangeRegions, RegionPolicy
from PhantomLibrary.domain.scaling import ScaleTo, SetScaling
from PhantomLibrary.protocols.mvcc.writes import written
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.transactions.table import TransactionTable, keys_in
from PhantomLibrary.protocols.transactions.values import Prepare, Span, Undecided


class ShardMachine(ShardState):
    """The state machine of one shard. Begins as the layout says; shard 0 holds the shard map."""

    def __init__(
        self,
        layout: ClusterLayout,
        descriptor: ShardDescriptor,
        sessions: SessionTable,
        fences: Fences | None = None,
        table: type[TransactionTable] = TransactionTable,
    ) -> None:
        super().__init__(layout, descriptor, sessions, fences, table)
        self.news: list[Any] = self.sagas.effects
        if descriptor.shard == SYSTEM_SHARD:
            self._keep_directory(first_directory(layout))

    def apply(self, index: int, command: Command | Configuration | None) -> Outcome | None:
        """Apply the command at `index`, which follows the last one. None is a leader's first entry, and changes
        nothing.
        """
        assert index == self.applied_index + 1
        self.applied_index = index
        if type(command) is not Execute:
            return self._apply_other(index, command)
        known = self._sessions.recall(command)
        if known is not None:
            return known
        if command.epoch != self.epoch:
            return self._stale()
        if self.transactions.parts:
            holder = self.transactions.holder_of(command.operation.key)
            if holder is not None:
                return Held(holder)
        value = self._execute(command)
        self._sessions.remember(command, value)
        return Done(value)

    def take_news(self, node: NodeId, shard: ShardId, index: int) -> Sequence[Observation]:
        """Return what the command at `index` did that is shown to those who watch; `news` says whether there is any."""
        return self.sagas.take_effects(node, shard, index)

    def _apply_other(self, index: int, command: Command | Configuration | None) -> Outcome | None:
        match command:
            case OpenSession():
                return self._open_session(index)
            case Transact():
                return self._transact(command)
            case ExecuteAct():
                return self._act(command)
            case MoveSaga():
                self.sagas.table.advance(command.number, command.revision, command.moves)
            case Record():
                self._record(index, command)
            case AskTask():
                assert self.directory is not None
                self._keep_directory(with_wish(self.directory, command.wish, index)[0])
            case AdoptPolicy():
                self._change_regions(command.policy)
            case EndTask():
                assert self.directory is not None
                self._keep_directory(with_task_ended(self.directory, command, index))
            case Configuration():
                descriptor = self.descriptor if command.is_joint else descriptor_of(self.descriptor, command, index)
                self._become(descriptor, replace(self.shape, is_joint=command.is_joint))
            case Sweep():
                self._sweep(command)
            case SplitOff() | Freeze() | Absorb() | RefuseTask():
                if command.task > self.shape.task:
                    self._reshape(command)
        return None

    def _sweep(self, command: Sweep) -> None:
        """Remove what nobody can see, unless this shard has stopped to change."""
        if self.epoch != NEVER:
            self._store.horizon_ns = max(self._store.horizon_ns, command.until_ns)
            self._store.drop(dead_keys(self._store, command.until_ns, command.first, command.last))

    def _stale(self) -> Outcome:
        """Say why a request of another epoch is not done."""
        return Frozen() if self.epoch == NEVER else StaleRoute(self.descriptor, self.shape.heir)

    def _open_session(self, index: int) -> Outcome:
        if self.epoch == NEVER:
            return Frozen()
        number = session_number(self.descriptor.shard, index)
        self._sessions.open(number)
        return Done(str(number))

    def _reshape(self, command: Reshape) -> None:
        """Do a step of a task that has not ended here."""
        shape, descriptor = self.shape, self.descriptor
        match command:
            case SplitOff():
                if command.epoch == self.epoch and not shape.is_joint:
                    self._split_off(command.task, command.key, command.new)
            case Freeze():
                self._become(descriptor, replace(shape, frozen=command.task))
            case Absorb():
                self._take_chunk(command.task, command.chunk, command.chunks, command.content)
            case RefuseTask():
                self._become(
                    descriptor, replace(shape, task=command.task, refusal=command.reason, frozen=0, absorbing=None)
                )

    def _act(self, command: ExecuteAct) -> Outcome:
        """Do a step of a saga, or undo it."""
        if command.epoch != self.epoch:
            return self._stale()
        holder = self.transactions.holder_of(command.operation.key)
        if holder is not None:
            return Held(holder)

        def read(key: str) -> str | None:
            return self._value(key.encode())

        def write(key: str, value: str) -> None:
            self._write(command, key.encode(), value)

        return Done(self.sagas.act(command.operation, read, write))

    def read(self, operation: Get, epoch: int) -> Outcome:
        """Answer a read from the present state."""
        if epoch != self.epoch:
            return self._stale()
        if self.transactions.parts:
            writer = self.transactions.writer_of(operation.key)
            if writer is not None:
                return Held(writer)
        return Done(self._value(operation.key.encode()))

    def _transact(self, command: Transact) -> Outcome:
        work = command.command
        if self.epoch == NEVER:
            return Frozen()
        if type(work) is Prepare and command.epoch != self.epoch:
            known = self.transactions.answered_before(work)
            return self._stale() if known is None or type(known) is Undecided else Told(known)
        return Told(self.transactions.apply(work, command.at_ns))

    def mismatch(self, epoch: int) -> Outcome | None:
        """Return what to answer to a question of another epoch than this one, None of this one."""
        return None if epoch == self.epoch else self._stale()

    # --- reads at a time --------------------------------------------------------------------------------------------

    @property
    def last_timestamp_ns(self) -> int:
        return self._store.last_timestamp_ns

    @property
    def horizon_ns(self) -> int:
        """Before this time versions may be gone."""
        return self._store.horizon_ns

    def rows(self, span: Span, at_ns: int) -> tuple[tuple[str, str], ...]:
        """Return the keys and values that a span had at a time, in the order of keys."""
        found = ((key, self._store.at(key, at_ns)) for key in keys_in(self._store, span))
        return tuple((key.decode(), value.decode()) for key, value in found if value is not None)

    def written_between(self, span: Span, after_ns: int, until_ns: int, promised_ns: int) -> int:
        """Return when anything of a span was last written in (after, until] that was promised by then, 0 for never."""
        store, latest_ns = self._store, 0
        for key in keys_in(self._store, span):
            if store.latest_ns(key) > after_ns:
                latest_ns = max(latest_ns, store.written_between(key, after_ns, until_ns, promised_ns))
        return latest_ns

    def written_ns(self, key: str) -> tuple[int, int]:
        """Return when a key was last written, and when that was promised, 0 for never."""
        encoded = key.encode()
        return self._store.latest_ns(encoded), self._store.latest_promised_ns(encoded)

    def _execute(self, command: Execute) -> str | None:
        operation = command.operation
        key = operation.key.encode()
        directory = self.directory
        if directory is not None and directory.regions is not None and type(operation) in NEEDS_ONE_ORDER:
            return NOT_OVER_REGIONS
        match operation:
            case Put():
                self._write(command, key, operation.value)
            case Cas():
                return self._compare_and_set(command, key, operation)
            case Append() | Remove() | Increment() | Delete():
                self._write(command, key, written(operation, self._value(key)))
            case ChangeMember():
                return self._change_member(operation)
            case ChangePlacement():
                return self._change_placement(operation)
            case SetScaling() | ScaleTo():
                return self._change_scaling(operation)
            case CancelMoves():
                assert self.directory is not None
                self._keep_directory(with_cancelled(self.directory, operation, self.applied_index))
                return ""
            case SplitShard() | MergeShards() | CancelReshape():
                assert self.directory is not None
                directory, reason = with_wish(self.directory, operation, self.applied_index)
                self._keep_directory(directory)
                return reason
            case ChangeRegions():
                return self._change_regions(operation.policy)
            case BeginSaga():
                return self.sagas.table.begin(self.applied_index, operation.key, operation.definition)
            case CancelSaga():
                return self.sagas.table.cancel(operation.key)
            case _:
                raise AssertionError(f"{type(operation).__name__} is no operation of a session")
        return None

    def _compare_and_set(self, command: Execute, key: bytes, operation: Cas) -> str:
        if self._value(key) != operation.expected:
            return "0"
        self._write(command, key, operation.value)
        return "1"

    def _value(self, key: bytes) -> str | None:
        value = self._store.latest(key)
        return None if value is None else value.decode()

    def _write(self, command: Execute | ExecuteAct, key: bytes, value: str | None) -> None:
        at_ns = command.at_ns
        content = None if value is None else value.encode()
        self._store.put(key, content, at_ns=at_ns, horizon_ns=at_ns - self._retention_ns)

    # --- the directory, on shard 0 ----------------------------------------------------------------------------------

    def _change_member(self, operation: ChangeMember) -> str:
        """Give a member another standing, as an operator asks; return why not, "" if it was done."""
        assert self.directory is not None
        reason = why_not_standing(self.directory, operation.key, operation.standing)
        if not reason and self.directory.standing(operation.key) != operation.standing:
            place = (operation.zone, operation.region) if operation.zone else None
            index = self.applied_index
            self._keep_directory(with_standing(self.directory, operation.key, operation.standing, index, place))
        return reason

    def _change_placement(self, plan: ChangePlacement) -> str:
        """Take up a plan of moves; return why not, "" if it was done."""
        assert self.directory is not None
        directory, reason = with_plan(self.directory, plan, self.applied_index)
        self._keep_directory(directory)
        return reason

    def _change_scaling(self, wish: SetScaling | ScaleTo) -> str:
        """Grow and shrink as an operator asks; return why not, "" if so."""
        assert self.directory is not None
        directory, reason = with_scaling_wish(self.directory, wish, self.applied_index)
        self._keep_directory(directory)
        return reason

    def _change_regions(self, policy: RegionPolicy) -> str:
        """Let another policy hold that was made for the present one; return why not, "" if so."""
        directory = self.directory
        assert directory is not None and directory.regions is not None
        if policy.epoch != directory.regions.epoch + 1:
            return "" if policy == directory.regions else "the regions were changed meanwhile: look, and ask again"
        self._keep_directory(replace(directory, version=self.applied_index, regions=policy))
        return ""

    def _scale(self, directory: Directory, step: ScaleStep, index: int) -> Directory:
        return with_scale_step(directory, step, index)

    def _record(self, index: int, command: Record) -> None:
        """Write down what has come about: a shard with other replicas, a member that has come or gone for good, a move
        that has ended.
        """
        directory = self.directory
        assert directory is not None
        if command.descriptor is not None:
            directory = with_shard(directory, command.descriptor, index)
        for member in command.members:
            before = directory.member(member.node)
            if before is not None and before.number == member.number and before.standing != "removed":
                directory = with_standing(directory, member.node, member.standing, index)
        if command.step is not None:
            directory = self._scale(directory, command.step, index)
        if command.placement is not None:
            directory, _ = with_plan(directory, command.placement, index)
        self._keep_directory(with_ended(directory, command.ended, command.led, index))

    def _keep_directory(self, directory: Directory) -> None:
        if directory is self.directory:
            return
        self.directory = directory
        self._store.put(DIRECTORY_KEY.encode(), encode_directory(directory), at_ns=0, horizon_ns=0)
