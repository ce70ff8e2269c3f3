"""What every test shares: properties that draw the same examples everywhere, children that find the package."""

import os
from pathlib import Path

from hypothesis import settings

# Derandomized, so that a red test stays red; no deadline, since nothing is timed here; no database, since nothing may
# depend on an earlier run.
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")

# Acceptance tests start `robot` in folders of their own, where this checkout has to win over an installed package.
CHECKOUT = str(Path(__file__).resolve().parent.parent)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (CHECKOUT, os.environ.get("PYTHONPATH"))))
