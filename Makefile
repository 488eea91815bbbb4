# `make demo` and `make test` need Python 3.10+ and make, and a C++ compiler for annoy.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Without a compiler annoy is left out: identify then compares with everybody, and says so.
COMPILER := $(shell command -v c++ || command -v g++ || command -v clang++)
# Unpacks and downloads at once: torch and the rest in 40 s where pip takes 100.
INSTALL := $(VENV)/bin/uv pip install --python $(RUN) \
	$(if $(COMPILER),,--override tools/without-compiler.txt)
# Links inside the docs, weight of the package, time of --help.
CHECKED := tests/test_pages.py::test_what_a_page_names_exists \
	tests/test_pages.py::test_headings_that_pages_link_to_exist tests/tools/release/test_limits.py

.PHONY: demo test check docs results results-quick install clean

demo: install
	$(RUN) cli.py demo

test: $(VENV)/.dev
	$(RUN) -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/codespell
	$(RUN) -m pytest $(CHECKED)

# The site lies in build/site; any warning, such as a dead link, is an error.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

# All commands of docs/background/results.md, into its tables: hours, and the data sets of
# docs/your-data.md, in the folder DATA.
DATA ?= data
results: $(VENV)/.dev
	$(RUN) -m tools.release.measure_results --data $(DATA)

# Minutes, on the sample: the page docs/background/quick-results.md.
results-quick: install
	$(RUN) -m benchmarks.quick_results

$(VENV)/.docs: setup.cfg | install
	$(INSTALL) -e '.[docs]'
	touch $@

$(VENV)/.dev: setup.cfg | install
	$(INSTALL) -e '.[dev]'
	touch $@

install: $(VENV)/.installed

# What README's commands need, and no more. Installed again only when the metadata changes.
$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install uv
	$(if $(COMPILER),,@echo 'No C++ compiler: annoy is left out, everybody is compared exactly.')
	$(INSTALL) -e '.[app]'
	touch $@

# The workspace stays: its gallery holds people who were enrolled by hand.
clean:
	rm -rf $(VENV)

# The oldest releases that setup.cfg allows of what the code imports, in an environment of
# its own: uv finds them, pip only takes the newest. They may warn of what came after them.
# All tests that need no extra package with TESTS=tests; `make PYTHON=python3.10
# test-lowest` for the oldest Python, too.
LOWEST := build/lowest
TESTS ?= tests/masking tests/training tests/index/engines

.PHONY: test-lowest
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install uv
	$(LOWEST)/bin/uv pip install --python $(LOWEST)/bin/python \
	  --resolution lowest-direct -r setup.cfg 'pytest >= 8' 'pytest-xdist >= 3.8'
	$(LOWEST)/bin/python -m pytest -n auto --dist loadfile -W ignore $(TESTS)
