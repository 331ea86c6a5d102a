import { HoldfastError } from '../../lib/model/errors.ts'
import type { Change } from '../../lib/model/segment-change.ts'
import type { ChangeFailure, Claim, Store } from '../../lib/store/port.ts'

/** What can become of one request to a database. */
export type Fate =
  | 'done'
  /** Not done: `Throttled`, by the limit of a partition. */
  | 'refused'
  /** Not done: `StoreUnavailable`. */
  | 'unreachable'
  /** Done, and the answer lost: `StoreUnavailable`. */
  | 'unanswered'
  /** Done, and the answer lost. The client below sends the request again, and the second answer arrives. */
  | 'repeated'
  /** The process dies: never done, never answered. */
  | 'crashed-before'
  /** The process dies: done, never answered. */
  | 'crashed-after'

type StoreCall = {
  [K in keyof Store]: { readonly operation: K; readonly input: Parameters<Store[K]>[0] }
}[keyof Store]

export interface FaultPlan {
  /** Decides the fate of a request when it arrives; a pending promise delays the request. Called for each change and claim of a batch. */
  readonly fateOf: (call: StoreCall) => Fate | Promise<Fate>
  /** Called between the effect of a request and its answer, and before a repeated request is sent. */
  readonly answering?: (call: StoreCall) => Promise<void>
}

/** A store whose requests meet the fates of a plan. After a crash, every later request of the same wrapper hangs. */
export const faultyStore = (store: Store, { fateOf, answering = async () => {} }: FaultPlan): Store => {
  let crashed = false

  const request = async <T>(call: StoreCall, perform: () => Promise<T>): Promise<T> => {
    const fate = crashed ? 'crashed-before' : await fateOf(call)
    // Another request may have crashed the process while this one was on its way.
    if (crashed || fate === 'crashed-before') {
      crashed = true
      return never()
    }
    if (fate === 'refused') throw new HoldfastError('Throttled', 'refused by the test', { reason: 'key-range' })
    if (fate === 'unreachable') throw new HoldfastError('StoreUnavailable', 'not sent, by the test')
    const done = perform()
    if (fate === 'crashed-after') {
      crashed = true
      await done
      return never()
    }
    let answer = await done
    await answering(call)
    if (fate === 'unanswered') throw new HoldfastError('StoreUnavailable', 'answer lost by the test')
    if (fate === 'repeated') {
      answer = await perform()
      await answering(call)
    }
    return crashed ? never() : answer
  }

  const oneByOne = async <I, O>(
    inputs: readonly I[],
    callOf: (input: I) => StoreCall,
    perform: (input: I) => Promise<O>,
  ): Promise<(O | ChangeFailure)[]> =>
    Promise.all(
      inputs.map(async (input) => {
        try {
          return await request(callOf(input), () => perform(input))
        } catch (error) {
          return { applied: false, segment: undefined, error: error as HoldfastError }
        }
      }),
    )

  return {
    ...store,
    insert: (input) => request({ operation: 'insert', input }, () => store.insert(input)),
    headers: (input) => request({ operation: 'headers', input }, () => store.headers(input)),
    change: (changes) =>
      oneByOne<Change, Awaited<ReturnType<Store['change']>>[number]>(
        changes,
        (change) => ({ operation: 'change', input: [change] }),
        async (change) => onlyOf(await store.change([change])),
      ),
    claim: (claims) =>
      oneByOne<Claim, Awaited<ReturnType<Store['claim']>>[number]>(
        claims,
        (claim) => ({ operation: 'claim', input: [claim] }),
        async (claim) => onlyOf(await store.claim([claim])),
      ),
    read: (input) => request({ operation: 'read', input }, () => store.read(input)),
    getDocument: (input, options) =>
      request({ operation: 'getDocument', input }, () => store.getDocument(input, options)),
    listDocuments: (input) => request({ operation: 'listDocuments', input }, () => store.listDocuments(input)),
    tickets: (input) => request({ operation: 'tickets', input }, () => store.tickets(input)),
    lockTicket: (input, lock) => request({ operation: 'lockTicket', input }, () => store.lockTicket(input, lock)),
    markTicket: (input, until, condition) =>
      request({ operation: 'markTicket', input }, () => store.markTicket(input, until, condition)),
    dropTicket: (input, last) => request({ operation: 'dropTicket', input }, () => store.dropTicket(input, last)),
    // A transaction carries a token: sent again, it is answered with the outcome of the first time.
    claimTogether: (input, fence) => {
      let first: ReturnType<Store['claimTogether']> | undefined
      return request({ operation: 'claimTogether', input }, () => {
        if ((input.length > 1 || fence) && first !== undefined) return first
        first = store.claimTogether(input, fence)
        return first
      })
    },
    transact: (input) => {
      let first: ReturnType<Store['transact']> | undefined
      return request({ operation: 'transact', input }, () => {
        if (input.length > 1 && first !== undefined) return first
        first = store.transact(input)
        return first
      })
    },
  }
}

const onlyOf = <T>(list: readonly T[]): T => list[0] as T
const never = <T>(): Promise<T> => new Promise(() => {})

/** A plan from a list: the first request of each operation named meets its fate, the others are done. */
export const scripted = (...script: readonly (readonly [operation: keyof Store, fate: Fate])[]): FaultPlan => {
  const left = [...script]
  return {
    fateOf: ({ operation }) => {
      const at = left.findIndex(([wanted]) => wanted === operation)
      return at < 0 ? 'done' : (left.splice(at, 1)[0]?.[1] ?? 'done')
    },
  }
}
