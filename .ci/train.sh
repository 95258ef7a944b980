#!/usr/bin/env bash
# Has torch and what trains adapters in the virtual environment, once. Runs after setup.sh.
# torch stands in no lock: its build, and so its digest, differs by machine. On one without CUDA
# `PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make train` takes the small build.
# Locked are these and nothing they ask for, since that would be CUDA as well:
# lock: accelerate==1.15.0
# lock: datasets==5.2.0
# lock: dill==0.4.1
# lock: mpmath==1.3.0
# lock: multiprocess==0.70.19
# lock: networkx==3.6.1
# lock: pandas==3.1.1
# lock: peft==0.21.2
# lock: psutil==7.2.2
# lock: pyarrow==26.0.1
# lock: sympy==1.14.0
# lock: transformers==5.23.0
# lock: trl==1.16.0
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
stamp=.venv/stamps/train-$(sha256sum requirements-train.lock .ci/train.sh | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit 0
printf '==> installing what trains adapters\n'
"$python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
    -r requirements-train.lock
"$python" -m pip install -q --disable-pip-version-check torch==2.13.0
"$python" -c 'import peft, torch, transformers, trl'
touch "$stamp"
