# A thin front for dev.py, which does the work (on Windows: py dev.py TARGET).
# make suites MODE=stress ARGS="--include smoke"

PYTHON ?= $(shell command -v python3 || command -v python || echo python3)

.DEFAULT_GOAL := help
.PHONY: suites test bench mutants nightly clean help

suites test bench mutants nightly clean help:
	@$(PYTHON) dev.py $@ $(if $(ARGS),-- $(ARGS))
