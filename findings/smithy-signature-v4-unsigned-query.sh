#!/usr/bin/env bash
# @smithy/signature-v4 5.7.5: a query parameter whose name spells `x-amz-signature`, in any letter case, is left out of
# what the library signs.
#
# Behaviour seen: two requests that differ only in the value of the parameter `x-AMZ-signature` get the same signature,
#   and the parameter is sent. Two that differ in `x-amz-note` get different ones.
# Output seen: "same" three times, then "different".
# Guess: in header signing every query parameter that is sent is signed, since only a presigned URL carries a signature
#   there; or at least only the exact name X-Amz-Signature is left out. Two parties that build the canonical request
#   by the specification (which leaves nothing out in header signing) disagree on such a request.
#
# Fails when that changes. Needs npm and its registry; everything is in a temporary folder.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"name":"finding","private":true,"type":"module"}' > package.json
npm install --silent --no-audit --no-fund @smithy/signature-v4@5.7.5 @aws-crypto/sha256-js@5.2.0

cat > sign.mjs <<'JS'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'

const signer = new SignatureV4({
  service: 'execute-api',
  region: 'us-east-1',
  credentials: { accessKeyId: 'EXAMPLE', secretAccessKey: 'example' },
  sha256: Sha256,
})
const signatureOf = async (name, value) => {
  const request = {
    method: 'GET',
    protocol: 'https:',
    hostname: 'example.com',
    path: '/',
    query: { [name]: value },
    headers: { host: 'example.com' },
  }
  const signed = await signer.sign(request, { signingDate: new Date('2026-01-01T00:00:00Z') })
  if (signed.query?.[name] !== value) throw new Error(`CHANGED: ${name} is not sent as it was given`)
  return /Signature=(\w+)/.exec(signed.headers.authorization)[1]
}
for (const name of ['X-Amz-Signature', 'x-amz-signature', 'x-AMZ-signature', 'x-amz-note']) {
  const same = (await signatureOf(name, 'one')) === (await signatureOf(name, 'two'))
  console.log(same ? 'same' : 'different')
}
JS
seen=$(node sign.mjs | tr '\n' ' ')
echo "$seen"
[ "$seen" = 'same same same different ' ] || { echo 'CHANGED'; exit 1; }
echo 'as recorded'
