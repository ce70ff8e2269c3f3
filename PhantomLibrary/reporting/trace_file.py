"""The trace of a run as a file: compressed JSON lines, written while the run goes, so that memory stays flat.

The compressed bytes hold no time and no file name, so equal runs give equal files where zlib is the same.

Level 3, by measurement (3 nodes, 400 operations a second, 118 bytes a record; the simulation of what one record tells
costs 29 µs): level 1 packs 5.3 times at 1.1 µs a record, 3 packs 6.5 times at 1.3 µs, 5 packs 8.2 times at 2.0 µs,
6 packs 8.5 times at 2.8 µs, 9 packs 8.8 times at 6.5 µs.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import BinaryIO

from PhantomLibrary.kernel.trace import Sink
from PhantomLibrary.reporting.temporary_files import note_temporary_file

_LEVEL = 3
_GZIP = 31  # zlib's word for: the largest window, with the header of gzip.


class TraceFile:
    """A sink for the kernel's trace.

    What was written lies under a temporary name until `close` gives it its own. Records that come after `close` are
    appended. A disk that does not let us write is remembered in `problem` and never stops the run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self.records = 0
        self._part = path.with_name(f".{path.name}.part")
        self._file: BinaryIO | None = None
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)

    def __call__(self, records: list[bytes]) -> None:
        """Write a batch of records, one a line."""
        if self.problem:
            return
        try:
            file = self._file or self._open()
            # One call of C: an interrupt between packing and writing would leave a file that nobody can unpack.
            file.writelines(map(self._packer.compress, (b"\n".join(records) + b"\n",)))
            self.records += len(records)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Finish the file and give it its name. Does nothing when it is closed, or nothing was written."""
        if self._file is None or self.problem:
            return
        try:
            with self._file as file:
                file.write(self._packer.flush())
            self._file = None
            os.replace(self._part, self.path)
        except OSError as error:
            self._give_up(error)

    def _open(self) -> BinaryIO:
        """Open the temporary file, with what was closed before where there is such: gzip allows members in a row."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        note_temporary_file(self._part)
        if self.records:
            os.replace(self.path, self._part)
        self._file = self._part.open("ab" if self.records else "wb")
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        return self._file

    def _give_up(self, error: OSError) -> None:
        self.problem = f"the trace could not be written: {error.strerror or error} ({self.path})"
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
            self._part.unlink(missing_ok=True)
        except OSError:
            return  # The same disk says no once more; the first reason is the one to tell.


class HeldTrace:
    """A sink that keeps the trace of a run in memory until it is known whether anybody needs it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._batches: list[list[bytes]] = []
        self._is_released = False

    def __call__(self, records: list[bytes]) -> None:
        if self._is_released:
            self._sink(records)
        else:
            self._batches.append(records)

    def release(self) -> None:
        """Hand on what was kept, and from now on all that comes."""
        self._is_released = True
        for records in self._batches:
            self._sink(records)
        self._batches.clear()
