import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startRig } from '../../../bench/rig.ts'
import { createClient } from '../../../lib/client.ts'
import { enginePath } from '../../support/engine-process.ts'

/** As hard to compress as the ids that bodies are made of. */
const hashOf = (n: number): string => createHash('sha256').update(String(n)).digest('hex').padEnd(97, 'f')

// Units depend on sizes alone, so they are the same on every machine.
test.skipIf(!enginePath())(
  'a thousand lone publishes of 150 bytes at the same time cost at most 0.35 write units each',
  async () => {
    const rig = await startRig()
    try {
      const body = (n: number) => ({ order: n, city: 'Lisbon', state: 'paid', key: hashOf(n) })
      expect(Buffer.byteLength(JSON.stringify(body(100)))).toBe(150)
      const queue = createClient({ engine: rig.process() }).queue<ReturnType<typeof body>>(await rig.queue())
      await queue.publish(body(0))
      const { result, usage } = await rig.measure(() =>
        Promise.all(Array.from({ length: 1_000 }, (_, n) => queue.publish(body(n)))),
      )
      expect(new Set(result.map(({ messageId }) => messageId)).size).toBe(1_000)
      // 40 segments of 25 messages, each a header and a content.
      expect(usage.byCommand.PutItem).toBe(80)
      expect(usage.requests).toBeLessThanOrEqual(82) // the queue's settings may be read again
      expect(usage.misreported).toBe(0)
      expect(usage.writeUnits / 1_000).toBeLessThanOrEqual(0.35)
    } finally {
      await rig.stop()
    }
  },
)
