#!/usr/bin/env bash
# Runs all checks except the tests, then names those that failed.
set -euo pipefail
cd "$(dirname "$0")/.."

export TSX_TSCONFIG_PATH=tsconfig.json
failed=()

step() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  if "$@"; then printf -- '-- %s: ok\n' "$name"; else
    failed+=("$name")
    printf -- '-- %s: FAILED\n' "$name"
  fi
}

bin=node_modules/.bin
step "types" "$bin/tsc" -p tsconfig.json
# Import cycles, type imports aside, are a rule of the linter: suspicious/noImportCycles.
step "lint, format and import cycles" "$bin/biome" ci --error-on-warnings .
step "Effect diagnostics" "$bin/effect-language-service" diagnostics --project tsconfig.json --severity error --format text
step "docstrings" "$bin/tsx" scripts/docstrings.ts
step "examples in docs" "$bin/tsx" scripts/examples.ts
step "declarations" "$bin/tsx" scripts/declarations.ts
step "prose" "$bin/tsx" scripts/prose.ts
step "contract" "$bin/tsx" scripts/contract.ts

if [ "${#failed[@]}" -gt 0 ]; then
  printf '\ncheck failed:\n'
  printf -- '- %s\n' "${failed[@]}"
  exit 1
fi
printf '\ncheck passed\n'
