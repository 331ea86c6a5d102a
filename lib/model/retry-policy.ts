/** How long a nacked message backs off: `initial × factor^(receives − 1)`, at most `maximum`. */
export interface RetryPolicy {
  /** Delay after the first failed receive, seconds. */
  readonly initialSeconds: number
  /** The factor by which the delay grows with every later receive, ≥ 1. */
  readonly factor: number
  readonly maximumSeconds: number
  /** `full` draws uniformly between 0 and the delay, so that messages that failed at one instant don't come back at one instant. */
  readonly jitter: 'none' | 'full'
}

export const DEFAULT_RETRY_POLICY: Omit<RetryPolicy, 'initialSeconds'> = {
  factor: 2,
  maximumSeconds: 3_600,
  jitter: 'full',
}

/** How long a message backs off that was nacked after its `receiveCount`-th receive, ms. */
export const retryDelayMs = (policy: RetryPolicy | undefined, receiveCount: number, fraction: number): number => {
  if (!policy) return 0
  // After a thousand receives the power may be infinite, and zero times infinity is NaN.
  const grown = policy.initialSeconds === 0 ? 0 : policy.initialSeconds * policy.factor ** (receiveCount - 1)
  const delayMs = Math.min(policy.maximumSeconds, grown) * 1_000
  return Math.round(policy.jitter === 'full' ? delayMs * fraction : delayMs)
}
