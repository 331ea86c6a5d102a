import { callApp } from '../console/call-app.ts'
import { createConsole } from '../console/console.ts'
import { createApp } from '../functions/http/app.ts'
import { allOperations } from '../functions/operations/all.ts'
import { silentLog } from '../functions/runtime/log.ts'
import type { Figure } from './figures.ts'
import { type Rig, startRig } from './rig.ts'

const QUEUES = 10
const LOOKS = 5
/** A visible page on which nothing changes asks this often (`cli/verbs/console.ts`). */
const SECONDS = 90
const LOOKS_A_MONTH = (30 * 86_400) / SECONDS
/** List price of us-east-1, dollars a million read units. */
const READ_PRICE = 0.125

/** What a page of idle queues costs that stays open, on a table of its own. */
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
    for (let look = 0; look < LOOKS; look++) {
      const page = await console(new Request('http://127.0.0.1/console'))
      if (!(await page.text()).includes('orders-1')) throw new Error('the page lacks its queues')
    }
  })
  const units = usage.readUnits / LOOKS
  const dollars = (units * LOOKS_A_MONTH * READ_PRICE) / 1e6
  const section = 'console'
  const name = `a page of ${QUEUES} idle queues`
  return [
    { section, name, value: units, unit: 'read units a look', goal: 21 },
    { section, name, value: usage.writeUnits, unit: 'write units', goal: 0 },
    { section, name: `${name}, open for a month`, value: dollars, unit: 'dollars', goal: 0.1 },
  ]
}
