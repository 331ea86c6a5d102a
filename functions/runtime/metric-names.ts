/** Names of the metrics that the functions write, in the namespace given by the environment; the dimension is the service. */
export const METRICS = {
  published: 'MessagesPublished',
  polled: 'MessagesPolled',
  emptyPolls: 'EmptyPolls',
  acked: 'MessagesAcked',
  extended: 'LeasesExtended',
  nacked: 'MessagesNacked',
  lostRaces: 'LostRaces',
  deadLettered: 'MessagesDeadLettered',
  deadLetterQueueMissing: 'DeadLetterQueueMissing',
  throttled: 'ShardThrottles',
  shardsRaised: 'ShardsRaised',
  orphansDropped: 'OrphansDropped',
  followUpsFailed: 'FollowUpsFailed',
} as const
export type MetricName = (typeof METRICS)[keyof typeof METRICS]

/** Written by the monitor each minute, for each queue (dimension `queue`) and, as their sum or maximum, for all. */
export const QUEUE_METRICS = {
  ready: 'MessagesReady',
  delayed: 'MessagesDelayed',
  leased: 'MessagesLeased',
  /** Seconds. */
  oldest: 'OldestMessageAge',
} as const
