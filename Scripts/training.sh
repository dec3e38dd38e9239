#!/usr/bin/env bash
# Runs a module of Training/ (or pytest) in its Python environment, .deps/training, which is made where it is missing.
#   Scripts/training.sh overread_training.train --config ...      paths are seen from the repository's root
# With PYTHON set, that interpreter is taken as it is: a lent machine has its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly requirements=Training/requirements.txt
if [[ -z ${PYTHON:-} ]]; then
    if ! cmp -s "$requirements" .deps/training/requirements.txt; then
        echo "set-up: making the Python environment of Training in .deps/training"
        rm -rf .deps/training
        python3 -m venv .deps/training
        .deps/training/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" .deps/training/requirements.txt
    fi
    PYTHON=.deps/training/bin/python
fi
# Without these the OpenMP threads spin at each barrier while another process has the core.
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0 PYTHONUNBUFFERED=1
PYTHONPATH=Training exec "$PYTHON" -m "$@"
