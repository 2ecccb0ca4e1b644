#!/usr/bin/env bash
# Tests in headless Chromium: installs the browser where it is missing, builds the site, and runs the tests. Screenshots
# are in .tmp/browser.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi

npm run docs:site
site/node_modules/.bin/tsc -p site/tsconfig.json
node node_modules/vitest/vitest.mjs run --config site/vitest.config.ts "$@"
