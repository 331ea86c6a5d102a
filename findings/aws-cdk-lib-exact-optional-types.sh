#!/usr/bin/env bash
# aws-cdk-lib 2.276.0 (constructs 10.8.1, TypeScript 7.0.2): its declaration files do not type-check under
# `exactOptionalPropertyTypes` with `skipLibCheck: false`.
#
# Behaviour seen: a program that only declares `new Stack(new App(), 'S')` compiles under `strict` with
#   `skipLibCheck: false`. With `exactOptionalPropertyTypes: true` added, tsc fails, and every error is inside
#   node_modules/aws-cdk-lib, none in the program.
OUTPUT_SEEN='TS2420'
# Guess: declaration files published for others check under every strictness flag of TypeScript, or the flag judges
#   only the user's own code.
#
# Fails when that changes. Needs npm and its registry; everything is in a temporary folder.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"name":"finding","private":true,"type":"module"}' > package.json
npm install --silent --no-audit --no-fund aws-cdk-lib@2.276.0 constructs@10.8.1 typescript@7.0.2 @types/node@20.19.43

cat > stack.ts <<'TS'
import { App, Stack } from 'aws-cdk-lib'
export const stack = new Stack(new App(), 'S')
TS

check() {
  npx tsc --noEmit --strict --skipLibCheck false --module nodenext --target es2023 --types node "$@" stack.ts
}

check || { echo 'CHANGED: it does not check under strict alone'; exit 1; }
if check --exactOptionalPropertyTypes > errors.txt 2>&1; then
  echo 'CHANGED: it checks under exactOptionalPropertyTypes now'; exit 1
fi
sed -E 's/^([^(]*)\([0-9,]*\): error (TS[0-9]+).*/\2 \1/;t;d' errors.txt | sort | uniq -c
grep -q "error $OUTPUT_SEEN" errors.txt || { echo "CHANGED: no $OUTPUT_SEEN any more"; cat errors.txt; exit 1; }
if grep 'error TS' errors.txt | grep -qv '^node_modules/aws-cdk-lib/'; then
  echo 'CHANGED: errors outside aws-cdk-lib'; cat errors.txt; exit 1
fi
echo 'as recorded'
