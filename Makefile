# The commands of this project; `make help` lists them. Each one makes .venv when it is missing
# and brings it up to date when pyproject.toml or constraints.txt changed.

PYTHON ?= python3
PORT ?= 8000
COURSE ?= course
SUBMISSIONS ?= submissions

VENV := .venv
BIN := $(VENV)/bin
SITE := _build/html/index.html
CHAPTERS := $(wildcard book/*.ipynb)
BOOK_FILES := _config.yml _toc.yml $(CHAPTERS) $(wildcard book/*.md book/*.bib book/tools/*.py) \
	$(shell find book/_static -type f) $(shell find pwgf_core -name '*.py')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help book pdf test test-all bench assignments grade grades formgrader lab serve notebooks results audit lint check-notebooks chromium vendor clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

book: $(SITE) ## build the book: _build/html/index.html
	@echo "The book: $(SITE)"

test: lint book check-notebooks chromium ## run every check except the slow tests
	$(BIN)/python -m pytest -q -m "not slow"

test-all: lint book chromium ## the same with the slow tests, the notebooks under several thread counts
	$(BIN)/python -m pytest -q
	for run in 1 2 3; do $(BIN)/python book/tools/check_notebooks.py || exit 1; done
	for threads in 1 2; do \
		OMP_NUM_THREADS=$$threads $(BIN)/python book/tools/check_notebooks.py || exit 1; \
	done

pdf: $(BOOK_FILES) | chromium ## print the book: _build/book.pdf
	@$(BIN)/jupyter-book build . --builder singlehtml --quiet -W -n --keep-going >/dev/null
	@$(BIN)/python book/tools/pdf.py _build/singlehtml/book/intro.html _build/book.pdf
	@echo "The book: _build/book.pdf"

bench: $(VENV)/.bench ## measure speed against other libraries
	PYTHONPATH=tests $(BIN)/python -m benchmarks.run

assignments: $(VENV)/.assignments ## make the student versions: _build/assignments/*.zip
	@$(BIN)/python book/tools/assignments.py release

grade: $(VENV)/.assignments ## grade SUBMISSIONS=folder by machine: course/grades.csv (other folder: COURSE=...)
	@$(BIN)/python book/tools/assignments.py --course "$(COURSE)" grade "$(SUBMISSIONS)"

formgrader: $(VENV)/.assignments ## mark by hand in JupyterLab
	@$(BIN)/python book/tools/assignments.py --course "$(COURSE)" formgrader -- $(LAB_ARGS)

grades: $(VENV)/.assignments ## write course/grades.csv again, with the marks given by hand
	@$(BIN)/python book/tools/assignments.py --course "$(COURSE)" table

lab: $(VENV)/.lab ## open the chapters in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=book $(LAB_ARGS)

serve: book ## show the book at http://localhost:8000 (other port: PORT=...)
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory $(dir $(SITE))

notebooks: $(VENV)/.book ## execute the chapters whose source or package changed
	@$(BIN)/python book/tools/execute.py
	@$(BIN)/python book/tools/readme_picture.py

results: $(VENV)/.book ## measure what the pages read from book/results and is not stored
	$(BIN)/python book/tools/results.py
	$(BIN)/python book/tools/other_methods.py

audit: $(VENV)/.test $(VENV)/.audit ## check pins and checksums, and ask PyPI for known weaknesses
	$(BIN)/python -m pytest -q tests/test_pins.py tests/book/test_vendor.py
	$(BIN)/pip-audit --no-deps --disable-pip -r constraints.txt

lint: $(VENV)/.test ## ruff, pyright, codespell
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/pyright --warnings
	@$(BIN)/codespell

check-notebooks: $(VENV)/.test ## execute the stored notebooks and compare their outputs
	$(BIN)/python book/tools/check_notebooks.py

chromium: $(VENV)/.test # a browser for the tests, unless there is one
	@$(BIN)/python book/tools/chromium.py 2>/dev/null \
		|| $(BIN)/python -m playwright install chromium || true

vendor: $(VENV)/.book ## fetch the book's JavaScript and fonts again (needs npm)
	@$(BIN)/python book/tools/vendor.py

clean: ## remove what was built, but not .venv
	rm -rf _build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(SITE): $(BOOK_FILES) | $(VENV)/.book
	@echo "Building the book ..."
	@rm -rf _build/html _build/.doctrees
	@$(BIN)/jupyter-book build . --quiet -W -n --keep-going >/dev/null

# One stamp per extra, and for the extras that it contains.
CONTAINED_assignments := book
CONTAINED_test := assignments book
$(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the packages of [$*] into $(VENV), which can take a few minutes ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $@ $(addprefix $(VENV)/.,$(CONTAINED_$*))

# JupyterLab asks whether to fetch news, unless the plugin that asks is off.
$(VENV)/.lab: $(VENV)/.book
	@$(BIN)/jupyter labextension disable --level=sys_prefix \
		@jupyterlab/apputils-extension:announcements 2>/dev/null
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2; \
		rm -rf $(VENV); exit 1; }
