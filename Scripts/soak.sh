#!/usr/bin/env bash
# The fault tests of `make test` in their long form. Needs Scripts/setup.sh to have run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift build --build-tests
OVERREAD_SOAK=1 swift test --skip-build --filter 'SoakTests|LargeObjectTests|PowerCutTests'
