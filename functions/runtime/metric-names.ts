/** Names of the metrics that the functions write. The environment gives the namespace; the dimension is the service. */
export const METRICS = {
  published: 'MessagesPublished',
  polled: 'MessagesPolled',
  emptyPolls: 'EmptyPolls',
  acked: 'MessagesAcked',
  extended: 'LeasesExtended',
  nacked: 'MessagesNacked',
  unreceived: 'MessagesUnreceived',
  lostRaces: 'LostRaces',
  deadLettered: 'MessagesDeadLettered',
  deadLetterQueueMissing: 'DeadLetterQueueMissing',
  throttled: 'ShardThrottles',
  shardsRaised: 'ShardsRaised',
  shardsLowered: 'ShardsLowered',
  orphansDropped: 'OrphansDropped',
  /** Stored items that could not be read, each at most once a minute and process; the log names them. */
  unreadableItems: 'UnreadableItems',
  followUpsFailed: 'FollowUpsFailed',
  /** Batches that triggers brought to their functions. */
  triggerInvocations: 'TriggerInvocations',
  /** Those of them whose function failed as a whole. */
  triggerFunctionErrors: 'TriggerFunctionErrors',
  /** Messages that went back since their function failed, or named them as failed. */
  triggerFailedMessages: 'TriggerFailedMessages',
  /** Invocations that Lambda throttled: the batch went back without a receive. */
  triggerThrottles: 'TriggerThrottles',
  /** Invocations that Lambda refused for another reason, such as a missing right or function. */
  triggerRefusals: 'TriggerRefusals',
  /** Invocations whose answer was lost. */
  triggerUnknownOutcomes: 'TriggerUnknownOutcomes',
  /** Messages that no pattern of a trigger's filter matched: deleted, or moved. */
  triggerUnmatchedMessages: 'TriggerUnmatchedMessages',
  /** Those of them that the queue for unmatched messages did not take: they were nacked. */
  triggerUnmatchedKept: 'TriggerUnmatchedKept',
  triggerMessagesTooLarge: 'TriggerMessagesTooLarge',
  /** Requests that AWS refused because the role of the function lacks a right; the log names it. */
  rightsMissing: 'RightsMissing',
} as const
export type MetricName = (typeof METRICS)[keyof typeof METRICS]

/** The monitor writes these each minute, for each queue (dimension `queue`) and, as sum or maximum, for all queues. */
export const QUEUE_METRICS = {
  ready: 'MessagesReady',
  delayed: 'MessagesDelayed',
  leased: 'MessagesLeased',
  /** Seconds. */
  oldest: 'OldestMessageAge',
} as const
