#!/usr/bin/env bash
# The fault tests of `make test` in their long form. Needs Scripts/setup.sh to have run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift build --build-tests
# A peer that is missing is a failure here.
OVERREAD_SOAK=1 OVERREAD_SOAK_SECONDS=60 OVERREAD_REQUIRE_PEERS=1 \
    swift test --skip-build --filter 'SoakTests|LargeObjectTests|PowerCutTests|NeverStalledTests'
