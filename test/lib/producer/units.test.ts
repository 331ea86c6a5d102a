import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startRig } from '../../../bench/rig.ts'
import { createClient } from '../../../lib/client.ts'
import type { Engine } from '../../../lib/engine.ts'
import { enginePath } from '../../support/engine-process.ts'
import { appFetch } from '../client/places.ts'

/** As hard to compress as the ids that bodies are made of. */
const hashOf = (n: number): string => createHash('sha256').update(String(n)).digest('hex').padEnd(97, 'f')

/** 40 segments of 25 messages, each a header and a content; a header is written together with the key of its call. */
const PLACES = {
  'on the table': { clientOf: (engine: Engine) => createClient({ engine }), writes: { PutItem: 80 } },
  'through the HTTP API, under idempotency keys': {
    clientOf: (engine: Engine) => createClient({ url: 'http://127.0.0.1:9324', fetch: appFetch(engine) }),
    writes: { PutItem: 40, TransactWriteItems: 40 },
  },
}

// Units depend on sizes alone, so they are the same on every machine.
test.skipIf(!enginePath()).for(Object.entries(PLACES))(
  'a thousand lone publishes of 150 bytes at the same time cost at most 0.35 write units each, %s',
  async ([, { clientOf, writes }]) => {
    const rig = await startRig()
    try {
      const body = (n: number) => ({ order: n, city: 'Lisbon', state: 'paid', key: hashOf(n) })
      expect(Buffer.byteLength(JSON.stringify(body(100)))).toBe(150)
      const queue = clientOf(rig.process()).queue<ReturnType<typeof body>>(await rig.queue())
      await queue.publish(body(0))
      const { result, usage } = await rig.measure(() =>
        Promise.all(Array.from({ length: 1_000 }, (_, n) => queue.publish(body(n)))),
      )
      expect(new Set(result.map(({ messageId }) => messageId)).size).toBe(1_000)
      expect(usage.byCommand).toMatchObject(writes)
      expect(usage.requests).toBeLessThanOrEqual(82) // the queue's settings may be read again
      expect(usage.misreported).toBe(0)
      expect(usage.writeUnits / 1_000).toBeLessThanOrEqual(0.35)
    } finally {
      await rig.stop()
    }
  },
)
