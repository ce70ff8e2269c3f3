"""What every test shares: properties that draw the same examples on every machine."""

from hypothesis import settings

# Derandomized, so that a red test stays red; no deadline, since nothing is timed here; no database, since nothing may
# depend on an earlier run.
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")
