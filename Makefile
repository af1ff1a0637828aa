# Needs make and Python >= 3.12; everything else goes into .venv and .ratchet.
VENV := .venv
NEEDS := requirements.txt lib/dev/requirements.txt

.PHONY: help dev demo test bench soak clean

help: ## Say what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | while IFS='	' read -r name what; do printf '  make %-6s %s\n' "$$name" "$$what"; done

dev: $(VENV)/installed ## Run everything on http://localhost:3000 (PORT= changes it, DATABASE_URL= brings your own Postgres)
	@exec $(VENV)/bin/python -m lib.dev

demo: $(VENV)/installed ## Watch three workflows run from start to end, then stop
	@exec $(VENV)/bin/python -m lib.dev.demo

test: ## Check everything that CI checks
	@exec .ci/run

bench: $(VENV)/installed ## Measure all against its peers, into tests/bench/RESULTS.md (ARGS="--only latency" for a part)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@exec $(VENV)/bin/python -m tests.bench $(ARGS)

soak: $(VENV)/installed ## Strike at random and check that nothing is lost (SECONDS= how long, SEED= which lots)
	@exec $(VENV)/bin/python -m tests.soak --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

clean: ## Remove what make has made: .venv and the local database
	@if [ -L .ratchet/postgres ]; then rm -rf "$$(readlink .ratchet/postgres)"; fi
	rm -rf $(VENV) .ratchet

$(VENV)/bin/python:
	@python=$$(lib/dev/find-python) || exit 1; \
	echo "Making $(VENV) with $$("$$python" -V)"; "$$python" -m venv --clear $(VENV)

$(VENV)/installed: $(VENV)/bin/python $(NEEDS)
	@echo "Installing $(NEEDS) into $(VENV)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(NEEDS:%=-r %)
	@touch $@
