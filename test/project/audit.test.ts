import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const AUDIT = join(import.meta.dirname, '../../.ci/audit.mjs')
const directory = mkdtempSync(join(tmpdir(), 'holdfast-audit-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** Runs the audit with a stand-in for npm that prints this and ends with this status. */
const auditWith = (printed: string, status: number) => {
  const npm = join(directory, 'npm')
  writeFileSync(npm, `#!/bin/sh\ncat <<'END'\n${printed}\nEND\nexit ${status}\n`)
  chmodSync(npm, 0o755)
  const PATH = [directory, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter)
  const { stdout, status: ended } = spawnSync(process.execPath, [AUDIT], { encoding: 'utf8', env: { PATH } })
  return [ended, stdout.trim().split('\n')]
}

const VULNERABLE = {
  auditReportVersion: 2,
  vulnerabilities: { hono: { name: 'hono', severity: 'high', range: '<4.12.0' } },
}

test('a vulnerability that the registry names fails', () => {
  expect(auditWith(JSON.stringify(VULNERABLE), 1)).toEqual([
    1,
    ['npm audit: high: hono <4.12.0', 'npm audit: 1 vulnerable packages among those that are deployed'],
  ])
})

test('a clean report passes', () => {
  expect(auditWith('{"auditReportVersion":2,"vulnerabilities":{}}', 0)).toEqual([
    0,
    ['npm audit: 0 vulnerable packages among those that are deployed'],
  ])
})

test.each([
  ['refuses audits', '{"message":"405 Method Not Allowed","statusCode":405}', '405 Method Not Allowed'],
  ['is not reached', '{"error":{"code":"ECONNREFUSED","summary":"request failed"}}', 'request failed'],
  ['answers something else', '<html>', 'no report'],
])('a registry that %s skips the audit, says so and passes', (_, printed, reason) => {
  expect(auditWith(printed, 1)).toEqual([0, [`npm audit: SKIPPED, because the registry answered no audit (${reason})`]])
})

test('a machine without npm skips the audit too', () => {
  const { stdout, status } = spawnSync(process.execPath, [AUDIT], { encoding: 'utf8', env: { PATH: '/nowhere' } })
  expect([status, stdout]).toEqual([0, expect.stringContaining('SKIPPED')])
})
