# `make demo` runs the main job, `make test` every check; both install what they need first.

PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # or every process of the tests compiles splitrun anew

.PHONY: help setup browser hooks demo test tests long lint coverage bench study habits fuzz chaos docs pictures clean

help:  ## Say what there is to make.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.ready  ## Make .venv with splitrun in it.

.venv/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c constraints.txt -e '.[dev]'
	-$(BIN)/python -m compileall -q -j 0 -x '/(tests?|testing/_internal|mypyc?|plotly)/' .venv/lib
	touch $@

browser: tests/browser/node_modules  ## Install what reads pages in Chromium, where there is node.

tests/browser/node_modules: tests/browser/package-lock.json
	npm ci --prefix tests/browser --silent --ignore-scripts --no-audit --no-fund
	touch $@

hooks: setup  ## Let git run the lint's checks before every commit.
	$(BIN)/pre-commit install

demo: setup  ## Train the quickstart over a wide-area link: one batch at a time, then four in flight.
	$(BIN)/splitrun train experiments/quickstart.yaml pipeline=sequential
	$(BIN)/splitrun train experiments/quickstart.yaml

test: setup  ## Every check; those of `lint` beside the tests, which mostly wait.
	-command -v npm >/dev/null && command -v chromium >/dev/null && $(MAKE) --no-print-directory browser
	$(MAKE) --no-print-directory --jobs 2 lint tests

tests: setup  ## Every test, as `test` runs them.
	$(BIN)/pytest -n 3 --dist worksteal

long: setup  ## The tests that `test` leaves out: more of what others say, too, or of what `chaos`, `habits` and `study` say.
	$(BIN)/pytest -n 3 --dist worksteal -m long

lint: setup  ## What is checked without running anything; also before a commit, see `hooks`.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: setup  ## Every test once more, and which lines and branches of splitrun it never reached (long).
	$(BIN)/pytest -n 3 --dist worksteal --cov --cov-report=term

bench: setup  ## Measure what docs/performance.md reports (long).
	$(BIN)/python -m tests.benchmarks

study: setup  ## Train what docs/studies reports (hours; goes on where it was stopped).
	$(BIN)/python -m tests.studies.codecs
	$(BIN)/python -m tests.studies.staleness
	$(BIN)/python -m tests.studies.value

habits: setup  ## Train every habit of users' modules in every way; print the table of docs/modules.md (long).
	$(BIN)/python -m tests.habits

fuzz: setup  ## Fire 100,000 damaged inputs at every reader of files, and at parties (long).
	$(BIN)/python -m tests.fuzz

chaos: setup  ## Kill runs and parties at random moments, cut networks, try the law; compare (long).
	$(BIN)/python -m tests.chaos

docs: setup  ## Make the site of docs/, in build/site.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict --quiet

pictures: setup  ## Draw README's picture of two real runs.
	$(BIN)/python docs/pictures/make.py

clean:  ## Remove .venv and the like; runs/ and what a study has trained, in build/, stay.
	rm -rf .venv *.egg-info tests/browser/node_modules
