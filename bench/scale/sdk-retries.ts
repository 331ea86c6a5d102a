import { isHoldfastError } from '../../lib/model/errors.ts'
import type { Scheduler } from '../../test/simulation/scheduler.ts'

/**
 * What the AWS SDK for JavaScript does below the engine with a request that DynamoDB throttles, in its mode `standard`: it waits a
 * random part of a delay that doubles, and sends the request again while its client has retry tokens left.
 */
export interface SdkRules {
  readonly maxAttempts: number
  readonly throttlingDelayMs: number
  readonly tokens: number
  readonly tokensForARetry: number
}

/** As `dynamodbClient` sets it up. */
export const SDK: SdkRules = { maxAttempts: 4, throttlingDelayMs: 25, tokens: 500, tokensForARetry: 14 }

export type WithRetries = <T>(request: () => Promise<T>) => Promise<T>

/** The retries of one client, which a process has one of. */
export const sdkRetries = (rules: SdkRules, scheduler: Scheduler, fraction: () => number): WithRetries => {
  let tokens = rules.tokens
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await request()
        tokens = Math.min(rules.tokens, tokens + (attempt > 1 ? rules.tokensForARetry : 1))
        return answer
      } catch (error) {
        const throttled = isHoldfastError(error) && error.code === 'Throttled'
        if (!throttled || attempt >= rules.maxAttempts || tokens < rules.tokensForARetry) throw error
        tokens -= rules.tokensForARetry
        await scheduler.sleep(fraction() * rules.throttlingDelayMs * 2 ** (attempt - 1))
      }
    }
  }
}
