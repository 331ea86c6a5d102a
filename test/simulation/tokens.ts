import type { Store, TransactOutcome, Write } from '../../lib/store/port.ts'

/** The tokens of transactions, by the writes that are sent. */
export type Tokens = WeakMap<readonly Write[], string>

/** `repeated`: the transaction was done before, under the same token, and nothing was done now. */
export type TokenOutcome = TransactOutcome & { readonly repeated?: true }

/** Repeats of a transaction under one token do nothing, as in DynamoDB. */
export const withTokens = (store: Store, tokens: Tokens): Store => {
  const done = new Set<string>()
  return {
    ...store,
    transact: async (writes): Promise<TokenOutcome> => {
      const token = tokens.get(writes)
      if (token !== undefined && done.has(token)) return { applied: true, repeated: true }
      const outcome = await store.transact(writes)
      if (token !== undefined && outcome.applied) done.add(token)
      return outcome
    },
  }
}
