#!/usr/bin/env node
/**
 * Looks for known vulnerabilities of the packages that are deployed: `npm audit` without the development dependencies. Fails
 * when the registry names one. Where the registry can't be reached, or answers no audits, it prints that the audit was
 * skipped and does not fail.
 */
import { spawnSync } from 'node:child_process'

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
  timeout: 60_000,
})

const parsed = (text) => {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
const report = parsed(stdout ?? '')

if (report.auditReportVersion === undefined) {
  const reason = report.message ?? report.error?.summary ?? error?.message ?? 'no report'
  console.log(`npm audit: SKIPPED, because the registry answered no audit (${String(reason).split('\n')[0]})`)
} else {
  const found = Object.values(report.vulnerabilities ?? {})
  for (const { name, severity, range } of found) console.log(`npm audit: ${severity}: ${name} ${range}`)
  console.log(`npm audit: ${found.length} vulnerable packages among those that are deployed`)
  process.exitCode = found.length > 0 ? 1 : 0
}
