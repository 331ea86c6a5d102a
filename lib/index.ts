export { type Clock, systemClock } from './clock.ts'
export { createEngine, type Engine, type EngineEvent, type EngineParts, type Observer } from './engine.ts'
export { type BrowsePage, browse, cancelMessage, getMessage, rescheduleMessage } from './messages/messages.ts'
export {
  type ErrorCode,
  type ErrorFields,
  HoldfastError,
  isHoldfastError,
  type ThrottleReason,
} from './model/errors.ts'
export { LIMITS } from './model/limits.ts'
export type {
  Body,
  DeadLetterOrigin,
  HandleResult,
  JsonValue,
  Message,
  MessageAttribute,
  MessageState,
  NewMessage,
  PublishResult,
  StoredMessage,
} from './model/message.ts'
export type {
  DeadLetterSettings,
  FifoSettings,
  Queue,
  QueueSettings,
  RetryPolicy,
  SettingsChange,
} from './model/queue-settings.ts'
export { publish } from './publish/publish.ts'
export { type Counts, counts } from './queues/counts.ts'
export {
  createQueue,
  deleteQueue,
  getQueue,
  type ListQuery,
  listQueueNames,
  listQueues,
  purgeQueue,
  type QueueChange,
  type QueueCreation,
  type QueuePage,
  updateQueue,
} from './queues/queues.ts'
export { type Random, systemRandom } from './random.ts'
export { type PollOptions, poll } from './receive/poll.ts'
export {
  cancelRedrive,
  getRedrive,
  listRedrives,
  type RedriveRequest,
  runningRedrives,
  runRedrive,
  startRedrive,
} from './redrive/redrive.ts'
export type { RedriveFilter, RedriveTask } from './redrive/redrive-task.ts'
export { ack } from './settle/ack.ts'
export { type ExtendEntry, type ExtendOptions, extend } from './settle/extend.ts'
export { type NackEntry, nack } from './settle/nack.ts'
export { type DynamodbStoreParts, dynamodbStore } from './store/dynamodb/dynamodb-store.ts'
export { createTable } from './store/dynamodb/table.ts'
export { memoryStore } from './store/keyed/memory-store.ts'
export { TABLE_SHAPE } from './store/keys.ts'
export type { Store } from './store/port.ts'
