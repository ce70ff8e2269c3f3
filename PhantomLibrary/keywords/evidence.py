"""Writes down what a disposed cluster leaves: its artifacts, a table in the log, and metrics beside output.xml."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from urllib.parse import quote

from robot.api import logger

from PhantomLibrary.reporting.artifacts import ArtifactFolder
from PhantomLibrary.reporting.metrics_file import Metric, MetricsFile, metrics_of
from PhantomLibrary.reporting.process_resources import Snapshot, measured, take_snapshot
from PhantomLibrary.reporting.summary import ProcessUse, summarise
from PhantomLibrary.reporting.summary_table import render_html
from PhantomLibrary.testbed.run import Run


class ProcessMeter:
    """Measures what the test process spends from now on. For reports only: nothing is decided by it."""

    def __init__(self) -> None:
        self._wall_s = time.monotonic()
        self._cpu_s = time.process_time()

    def read(self) -> ProcessUse:
        """Return what was spent since, and how much memory the process holds now."""
        import psutil

        memory_bytes: int = psutil.Process().memory_info().rss
        return ProcessUse(time.monotonic() - self._wall_s, time.process_time() - self._cpu_s, memory_bytes)


class EvidenceWriter:
    """Writes the evidence of clusters into one output directory."""

    def __init__(self, output_dir: Path | str, robot_run: str) -> None:
        self._metrics = MetricsFile(output_dir, robot_run)

    def write(
        self, run: Run, folder: ArtifactFolder, *, suite: str, test: str, ordinal: int, meter: ProcessMeter
    ) -> None:
        """Write all evidence of a run. Raises nothing: what could not be written is said in the log."""
        summary = summarise(run, process=meter.read())
        written = folder.write(run, summary)
        logger.info(render_html(summary), html=True)
        link = f'<a href="{escape(quote(written.folder))}">{escape(written.folder)}</a>'
        logger.info(f"Artifacts: {link}", html=True)
        problem = self._metrics.append(metrics_of(summary, suite=suite, test=test, cluster=ordinal))
        for each in filter(None, (written.problem, problem)):
            logger.warn(each)

    def write_cost(self, suite: str, test: str, before: Snapshot) -> None:
        """Write what a test has cost the process since then. Its metrics have cluster 0, and no seed."""
        costs = measured(before, take_snapshot())
        problem = self._metrics.append(Metric(test, suite, 0, 0, name, unit, value) for name, unit, value in costs)
        if problem:
            logger.warn(problem)
