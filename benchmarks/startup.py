"""What `Library    PhantomLibrary` costs at the start of every run: import and creation, beyond importing Robot itself.

Measured in fresh child processes, as CPU time, because each can import only once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median

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
    samples = []
    for _ in range(_CHILDREN):
        child = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
        samples.append(json.loads(child.stdout))
    return median(each[0] for each in samples), median(each[1] for each in samples)


if __name__ == "__main__":
    print("import {:.0f} ms, creation {:.0f} ms".format(*measure_startup()))
