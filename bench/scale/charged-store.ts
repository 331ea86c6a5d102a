import type { HoldfastError } from '../../lib/model/errors.ts'
import { changePatiently } from '../../lib/store/dynamodb/patient-changes.ts'
import { bodyPartition, segmentPartition, ticketPartition } from '../../lib/store/keys.ts'
import type { ChangeFailure, Store, Write } from '../../lib/store/port.ts'
import { throttledFor } from '../../test/simulation/faults.ts'
import type { Scheduler } from '../../test/simulation/scheduler.ts'
import type { Meter } from './meter.ts'
import type { Kind, PhysicalTable } from './physical-table.ts'
import { type SdkRules, sdkRetries } from './sdk-retries.ts'
import { documentUnits, pageUnits, type SegmentCosts } from './units.ts'

export interface Network {
  readonly scheduler: Scheduler
  readonly table: PhysicalTable
  readonly store: Store
  readonly costs: SegmentCosts
  readonly meter: Meter
  /** Of a request and of its answer, ms. */
  readonly latency: () => number
  readonly fraction: () => number
  readonly sdk: SdkRules
}

/** One request to the table: the partition keys that it needs capacity of, and the units of its answer. */
interface Charged<T> {
  readonly kind: Kind
  readonly keys: readonly string[]
  perform(): Promise<T>
  units(answer: T): number
}

/** The store as one process reaches it: each request travels, is served or refused by the table, and travels back. */
export const chargedStore = (network: Network): Store => {
  const { store, costs } = network
  const retried = sdkRetries(network.sdk, network.scheduler, network.fraction)
  const send = <T>(charged: Charged<T>): Promise<T> => retried(() => request(network, charged))
  const write = <T>(keys: readonly string[], perform: () => Promise<T>, units = 1) =>
    send({ kind: 'write', keys, perform, units: () => units })

  const each = async <I, O>(
    inputs: readonly I[],
    keyOf: (input: I) => string,
    perform: (input: I) => Promise<readonly O[]>,
  ): Promise<(O | ChangeFailure)[]> => {
    // Several are statements of one request, which the SDK does not send again for one that is throttled.
    const alone = inputs.length === 1
    return Promise.all(
      inputs.map((input) => {
        const charged: Charged<readonly O[]> = {
          kind: 'write',
          keys: [keyOf(input)],
          perform: () => perform(input),
          units: () => 1,
        }
        const sent = alone ? send(charged) : request(network, charged)
        return sent.then(([answer]) => answer as O, failed)
      }),
    )
  }

  return {
    ...store,
    insert: async (segment) => {
      const { key } = segment.segment
      const { bodyUnits } = costs.note(segment)
      const bodies = bodyUnits.map((units) => write([bodyPartition(key)], async () => undefined, units))
      const [inserted] = await Promise.all([
        write([segmentPartition(key.partition)], () => store.insert(segment)),
        ...bodies,
      ])
      return inserted
    },
    headers: (range) =>
      send({
        kind: 'read',
        keys: [segmentPartition(range.partition)],
        perform: () => store.headers(range),
        units: (page) => pageUnits(page, costs, range.consistent ?? false),
      }),
    change: (changes) =>
      changePatiently(changes, {
        change: (some) =>
          each(
            some,
            ({ key }) => segmentPartition(key.partition),
            (change) => store.change([change]),
          ),
        sleep: network.scheduler.sleep,
        fraction: network.fraction,
      }),
    claim: (claims) =>
      each(
        claims,
        ({ change: { key } }) => segmentPartition(key.partition),
        (claim) => store.claim([claim]),
      ),
    getDocument: (key, options) =>
      send({
        kind: 'read',
        keys: [key.partition],
        perform: () => store.getDocument(key, options),
        units: (document) => documentUnits(document ? [document] : [], options?.consistent ?? false),
      }),
    listDocuments: (query) =>
      send({
        kind: 'read',
        keys: [query.partition],
        perform: () => store.listDocuments(query),
        units: (documents) => documentUnits(documents, query.consistent ?? false),
      }),
    transact: (writes) => write(writes.map(keyOfWrite), () => store.transact(writes), writes.length > 1 ? 2 : 1),
  }
}

const keyOfWrite = (write: Write): string => {
  switch (write.kind) {
    case 'insert':
      return segmentPartition(write.insert.segment.key.partition)
    case 'change':
      return segmentPartition(write.change.key.partition)
    case 'advance':
    case 'touch':
      return ticketPartition(write.key.partition)
    default:
      return write.key.partition
  }
}

const failed = (error: HoldfastError): ChangeFailure => ({ applied: false, segment: undefined, error })

/** The request is served or refused where it arrives, at one instant. */
const request = <T>(network: Network, { kind, keys, perform, units }: Charged<T>): Promise<T> => {
  const { scheduler, table, meter } = network
  const [there, back] = [network.latency(), network.latency()]
  return new Promise((resolve, reject) => {
    scheduler.after(there, () => {
      const now = scheduler.now()
      for (const key of keys) {
        const reason = table.refusal(key, kind, now)
        if (reason === undefined) continue
        meter.refused(reason, kind, now)
        scheduler.after(back, () => reject(throttledFor(reason)))
        return
      }
      perform().then((answer) => {
        const used = units(answer)
        for (const key of keys) table.charge(key, kind, used, now)
        meter.served(kind, used * keys.length, now)
        scheduler.after(back, () => resolve(answer))
      }, reject)
    })
  })
}
