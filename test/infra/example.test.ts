import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Deployment, deploy, templateIn } from '../support/deployment.ts'
import { type EmbeddedTable, embeddedTable, noEmbedded } from '../support/embedded.ts'
import { type TemplateView, viewOf } from '../support/template.ts'

const SYNTHESIS_MS = 300_000
const directory = mkdtempSync(join(tmpdir(), 'holdfast-example-'))
let view: TemplateView

beforeAll(async () => {
  vi.stubEnv('CDK_OUTDIR', directory)
  const { app } = await import('../../examples/consumers/app.ts')
  app.synth()
  view = viewOf(Template.fromJSON(templateIn(directory, 'Shop')))
}, SYNTHESIS_MS)
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

test('the example synthesizes: a producer behind an API, and two queues with their consumers', () => {
  expect(view.ofType('Custom::HoldfastTrigger').map(([, { queue }]) => queue)).toEqual(['orders', 'letters.fifo'])
  const routes = view.ofType('AWS::ApiGatewayV2::Route').map(([, { RouteKey }]) => RouteKey)
  expect(routes).toContain('POST /orders')
})

describe.skipIf(noEmbedded())('the example, run', () => {
  let embedded: EmbeddedTable
  let deployment: Deployment

  beforeAll(async () => {
    embedded = await embeddedTable()
    deployment = await deploy({ view, directory, endpoint: embedded.endpoint, table: embedded.table })
    await deployment.declareAll()
  }, SYNTHESIS_MS)
  afterAll(async () => {
    await deployment?.stop()
    embedded?.close()
  })

  test('takes orders, ships them, and writes to each customer in order', async () => {
    const order = (customer: string, item: string) =>
      deployment.request({ method: 'POST', path: '/orders', body: { customer, item } })
    for (const item of ['tea', 'unicorn', 'cups']) expect(await order('Ada', item)).toMatchObject({ status: 202 })
    expect(await order('Ada', '')).toMatchObject({ status: 400 })
    await deployment.invoke('wake', { holdfast: 'tick-triggers' })
    await deployment.runAsked()
    const output = deployment.output()
    for (const item of ['tea', 'cups']) expect(output).toContain(`shipped: ${item}`)
    expect(output).not.toContain('shipped: unicorn')
    const letters = [...output.matchAll(/to Ada: .*: (\w+)/g)].map(([, item]) => item)
    expect(letters).toEqual(['tea', 'unicorn', 'cups'])
    const listed = await deployment.request({ method: 'GET', path: '/queues/orders/messages' })
    expect(listed.body.messages).toMatchObject([{ body: { item: 'unicorn' } }])
    expect(deployment.gate.takeRefusals()).toEqual([])
  }, 60_000)
})
