# The two commands of a newcomer are `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python run.py
DEMO_STATE ?= state/demo
# Hashes make an index hand out the very files that were locked, or nothing.
COMPILE := uv pip compile -q --universal --generate-hashes --annotation-style line --no-header --no-emit-index-url --python-version 3.11
NEEDED := $(PYTHON) -c 'import sys, tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; print("\n".join(one for name in sys.argv[1:] for one in extras[name]))'
EXTRAS := catboost dask docx faiss mlflow postgres serve smote

.PHONY: demo install test check audit lock clean

demo: install  ## several updates on the built-in stream, two inferences, the report
	$(RUN) update --batches 6 state_dir=$(DEMO_STATE)
	$(VENV)/bin/python -m pointsman.pipeline.collection.demo.request $(DEMO_STATE)/request.csv
	$(VENV)/bin/python -m pointsman.pipeline.collection.demo.request $(DEMO_STATE)/damaged.csv --damaged
	$(RUN) inference -file $(DEMO_STATE)/request.csv state_dir=$(DEMO_STATE)
	$(RUN) inference -file $(DEMO_STATE)/damaged.csv state_dir=$(DEMO_STATE)
	@echo "The report:"
	$(RUN) summary state_dir=$(DEMO_STATE)

install: $(VENV)/.installed

# Compiled bytecode makes a cold start three times as fast, so it is made while installing.
$(VENV)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-virtualenv --require-hashes -r requirements.txt
	$(VENV)/bin/python -m compileall -q $(VENV)/lib || true
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt requirements-extras.txt
	$(VENV)/bin/python -m pip install --quiet --require-virtualenv --require-hashes -r requirements-dev.txt \
	  -r requirements-extras.txt
	touch $@

test: $(VENV)/.installed-dev  ## every test, the slow ones too, on every core
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

# mypy finds modules by folders alone, so it reads the package where the rooms lie as a wheel has them: links to them.
ROOMS := common experiments meta model_zoo pipeline registry
TYPED := $(VENV)/typed
check: $(VENV)/.installed-dev  ## style, imports, types, and advisories on the pins
	mkdir -p $(TYPED)/pointsman
	ln -sfn $(addprefix $(CURDIR)/,$(ROOMS) $(wildcard pointsman/*.py)) $(TYPED)/pointsman
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	cd $(TYPED) && $(CURDIR)/$(VENV)/bin/python -m mypy --config-file $(CURDIR)/pyproject.toml -p pointsman
	$(VENV)/bin/python .ci/audit.py

audit: $(VENV)/.installed-dev  ## the pins against published advisories
	$(VENV)/bin/python .ci/audit.py

lock:  ## compile the direct dependencies into pins, and those of each extra of pyproject.toml (needs uv)
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt
	$(NEEDED) $(EXTRAS) | $(COMPILE) - -c requirements.txt -o requirements-extras.txt
	for extra in $(EXTRAS); do \
	  $(NEEDED) $$extra | $(COMPILE) - -c requirements-extras.txt -o requirements-$$extra.txt || exit 1; done

clean:
	rm -rf $(VENV) state
