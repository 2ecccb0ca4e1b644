#!/usr/bin/env bash
# The edition for Effect 4: "build" generates and compiles it, "test" runs its tests, "examples" runs its
# examples and the tour, "pack" makes its tarball.
set -euo pipefail
cd "$(dirname "$0")/.."
build=effect4/build

# Generates folders of the source, with the packages of Effect 4 beside them.
generate() {
  node_modules/.bin/tsx scripts/effect4.ts manifest
  if ! cmp -s effect4/package-lock.json "$build/node_modules/.installed-lock.json"; then
    # Not `npm ci`, which rejects the lock file: some registries lack an optional package for Windows that vite names.
    npm install --prefix "$build" --no-save --no-audit --no-fund --loglevel=error
    cp effect4/package-lock.json "$build/node_modules/.installed-lock.json"
  fi
  node_modules/.bin/tsx scripts/effect4.ts "$@"
}

compile() {
  rm -rf "$build/dist"
  node_modules/.bin/tsc -p "$build/tsconfig.build.json"
  node_modules/.bin/tsx scripts/bundle.ts "$build/dist"
}

case "$1" in
build)
  generate src
  compile
  ;;
test)
  generate src examples test
  shift
  # vitest 5 needs Node 22.12.
  (cd "$build" && npx -y -p node@24 node node_modules/vitest/vitest.mjs run "$@")
  ;;
examples)
  generate src examples
  shift
  # @effect/platform-node 4 needs Node 22.19.
  npx -y -p node@24 node --import tsx scripts/runExamples.ts --in "$build" "$@"
  ;;
pack)
  generate src test/package/consumer
  compile
  (cd "$build" && npm pack --silent --pack-destination "${2:-.}")
  ;;
*)
  echo "usage: scripts/effect4.sh build|test|examples|pack" >&2
  exit 1
  ;;
esac
