import { type HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'
import type { Store } from '../../lib/store/port.ts'

/** Called with an operation of the store that DynamoDB refused because the process's own role lacks a right. */
export type Denied = (operation: keyof Store, error: HoldfastError) => void

/**
 * A store that reports each missing right and does not change the failure. Code that writes hints ignores such a failure, and
 * all other code answers its caller with an internal error.
 */
export const reportingDenials = (store: Store, denied: Denied): Store => {
  const reporting = { ...store }
  for (const operation of Object.keys(store) as (keyof Store)[]) {
    const perform = store[operation] as (...parameters: unknown[]) => Promise<unknown>
    const reported = async (...parameters: unknown[]) => {
      try {
        const result = await perform(...parameters)
        for (const error of denialsIn(result)) denied(operation, error)
        return result
      } catch (error) {
        if (isHoldfastError(error, 'AccessDenied')) denied(operation, error)
        throw error
      }
    }
    Object.assign(reporting, { [operation]: reported })
  }
  return reporting
}

/** Changes and claims never reject: each outcome has its own error. */
const denialsIn = (result: unknown): HoldfastError[] =>
  Array.isArray(result)
    ? result.flatMap((outcome: { error?: unknown } | undefined) =>
        isHoldfastError(outcome?.error, 'AccessDenied') ? [outcome.error] : [],
      )
    : []
