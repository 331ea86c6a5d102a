import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { serviceTemplate, someFunction, UNBUNDLED } from '../support/template.ts'

const PROJECT = join(import.meta.dirname, '../..')
const guide = readFileSync(join(PROJECT, 'docs/deploy.md'), 'utf8')

afterAll(() => vi.unstubAllEnvs())

test('the guide’s app is the one in examples, which is compiled', () => {
  const example = readFileSync(join(PROJECT, 'examples/your-app.ts'), 'utf8')
  expect(guide).toContain(`\`\`\`ts\n${example}\`\`\``)
})

test('the guide’s app synthesizes', async () => {
  vi.stubEnv('CDK_CONTEXT_JSON', JSON.stringify(UNBUNDLED))
  await expect(import('../../examples/your-app.ts')).resolves.toBeDefined()
})

test('the guide counts the alarms that it prices', () => {
  const count = (view: ReturnType<typeof serviceTemplate>) => view.ofType('AWS::CloudWatch::Alarm').length
  const alarms = count(serviceTemplate())
  expect(guide).toContain(
    `| ${alarms} alarms, and more with a declared queue and a consumer | ${(alarms * 0.1).toFixed(2)} `,
  )
  expect(guide).toContain('two more alarms with a declared queue, and ten with a consumer')
  expect(count(serviceTemplate({}, (service) => service.addQueue('orders')))).toBe(alarms + 2)
  const consumed = serviceTemplate({}, (service, stack) =>
    service.addQueue('orders').addConsumer(someFunction(stack, 'Consumer')),
  )
  expect(count(consumed)).toBe(alarms + 12)
})
