import { callApp } from '../console/call-app.ts'
import { createConsole } from '../console/console.ts'
import { createApp } from '../functions/http/app.ts'
import { allOperations } from '../functions/operations/all.ts'
import { silentLog } from '../functions/runtime/log.ts'
import type { Figure } from './figures.ts'
import { type Rig, startRig } from './rig.ts'

const QUEUES = 10
const REFRESHES = 5
/** How often a visible page on which nothing changes refreshes itself (`cli/verbs/console.ts`). */
const REFRESH_SECONDS = 90
const REFRESHES_A_MONTH = (30 * 86_400) / REFRESH_SECONDS
/** List price of us-east-1, dollars for a million read units. */
const READ_PRICE = 0.125

/** The cost of a page of idle queues that stays open, on a table of its own. */
export const consoleFigures = async (): Promise<Figure[]> => {
  const rig = await startRig()
  try {
    return await idleFigures(rig)
  } finally {
    await rig.stop()
  }
}

const idleFigures = async (rig: Rig): Promise<Figure[]> => {
  for (let queue = 0; queue < QUEUES; queue++) await rig.queue()
  const engine = rig.process()
  const http = createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })
  const console = createConsole({ call: callApp(http), place: 'a table' })
  const { usage } = await rig.measure(async () => {
    for (let count = 0; count < REFRESHES; count++) {
      const page = await console(new Request('http://127.0.0.1/console'))
      if (!(await page.text()).includes('orders-1')) throw new Error('the page lacks its queues')
    }
  })
  const units = usage.readUnits / REFRESHES
  const dollars = (units * REFRESHES_A_MONTH * READ_PRICE) / 1e6
  const section = 'console'
  const name = `a page of ${QUEUES} idle queues`
  return [
    { section, name, value: units, unit: 'read units a refresh', goal: 21 },
    { section, name, value: usage.writeUnits, unit: 'write units', goal: 0 },
    { section, name: `${name}, open for a month`, value: dollars, unit: 'dollars', goal: 0.1 },
  ]
}
