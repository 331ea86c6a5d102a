import type { ConsumedCapacity } from '@aws-sdk/client-dynamodb'
import { queueOfKey } from '../keys.ts'
import type { Item } from './header-item.ts'

export interface Consumption {
  /** Command that consumed it, e.g. `UpdateItem`. */
  readonly command: string
  /** Read or write units of on-demand capacity. */
  readonly units: number
  readonly kind: 'read' | 'write'
  /** The queue whose items the request named; undefined for items that several queues share. */
  readonly queue: string | undefined
}

/** Reports what requests consumed. The units of a request on items of several queues are divided by the items. */
export class ConsumptionReport {
  readonly #consumed: ((consumption: Consumption) => void) | undefined
  /** Asks for the capacity that a request consumed. */
  readonly parameter: { readonly ReturnConsumedCapacity?: 'TOTAL' }

  constructor(consumed: ((consumption: Consumption) => void) | undefined) {
    this.#consumed = consumed
    this.parameter = consumed ? { ReturnConsumedCapacity: 'TOTAL' } : {}
  }

  /** @param keys the keys of the items that the request named: of a query, the partition alone */
  used(
    command: string,
    kind: Consumption['kind'],
    capacity: ConsumedCapacity | ConsumedCapacity[] | undefined,
    keys: readonly Item[],
  ): void {
    if (!this.#consumed) return
    const units = [capacity ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)
    this.#divide({ command, kind, units }, keys)
  }

  /**
   * Accounts for a condition that failed, whose response has no capacity for it. It is billed like a write of the item that the
   * condition met, and the error does not have the number of units.
   */
  lost(command: string, keys: readonly Item[], units = 1): void {
    if (this.#consumed) this.#divide({ command: `${command} lost`, kind: 'write', units }, keys)
  }

  #divide(whole: Omit<Consumption, 'queue'>, keys: readonly Item[]): void {
    const items = new Map<string | undefined, number>()
    for (const { pk, sk } of keys) {
      const queue = queueOfKey(pk?.S ?? '', sk?.S)
      items.set(queue, (items.get(queue) ?? 0) + 1)
    }
    for (const [queue, count] of items)
      this.#consumed?.({ ...whole, units: (whole.units * count) / keys.length, queue })
  }
}
