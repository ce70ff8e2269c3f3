"""What `Library    PhantomLibrary` costs at the start of every run: import and creation, beyond importing Robot itself.

Measured in fresh child processes, as CPU time, because each can import only once. They find byte code, as in
whatever was installed by pip or run before: a first child writes it to a folder of its own, wherever the
environment has it else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory

_CHILDREN = 9
_CODE = """
import json
from time import process_time
import robot, robot.running
started = process_time()
from PhantomLibrary import PhantomLibrary
imported = process_time()
PhantomLibrary()
print(json.dumps([1000 * (imported - started), 1000 * (process_time() - imported)]))
"""


def measure_startup() -> tuple[float, float]:
    """Return the milliseconds of importing and of creating the library: medians over some processes."""
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-c", _CODE]
        outputs = [
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
            for _ in range(1 + _CHILDREN)
        ]
    samples = [json.loads(output) for output in outputs[1:]]
    return median(each[0] for each in samples), median(each[1] for each in samples)


if __name__ == "__main__":
    print("import {:.0f} ms, creation {:.0f} ms".format(*measure_startup()))
