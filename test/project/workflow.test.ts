import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }

const workflow = readFileSync(join(import.meta.dirname, '../../.github/workflows/ci.yml'), 'utf8')

test('the workflow runs each action at one commit, whose version it names', () => {
  const actions = [...workflow.matchAll(/uses: (.+)/g)].map(([, action]) => action)
  expect(actions.length).toBeGreaterThan(0)
  for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

test('the workflow can read the repository, and do nothing else', () => {
  expect([...workflow.matchAll(/^ *permissions:\n((?: +.+\n)+)/gm)].map(([, rights]) => rights?.trim())).toEqual([
    'contents: read',
  ])
  expect(workflow).not.toContain('secrets.')
  expect(workflow.match(/actions\/checkout@/g)).toHaveLength(workflow.match(/persist-credentials: false/g)?.length ?? 0)
})

test('the workflow tests on each Node that is supported', () => {
  expect(workflow).toContain('node: [20, 22, 24]')
  expect(manifest.engines.node).toBe('>=20.19')
})

test('the workflow runs scripts that there are', () => {
  const scripts = [...workflow.matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => script)
  expect(scripts.filter((script) => !(script in manifest.scripts))).toEqual([])
})
