#!/usr/bin/env bash
# The Python tests of Training/. They need PyTorch only where a test says so; the environment is .deps/training.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly requirements=Training/requirements.txt
if ! cmp -s "$requirements" .deps/training/requirements.txt; then
    echo "set-up: making the Python environment of Training in .deps/training"
    rm -rf .deps/training
    python3 -m venv .deps/training
    .deps/training/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" .deps/training/requirements.txt
fi
cd Training
exec ../.deps/training/bin/python -m pytest -q "$@"
