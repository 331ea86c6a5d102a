export { ack } from './ack.ts'
export { type Clock, systemClock } from './clock.ts'
export { type Counts, counts } from './counts.ts'
export { type DynamodbStoreParts, dynamodbStore } from './dynamodb/dynamodb-store.ts'
export { createTable, TABLE_SHAPE } from './dynamodb/table.ts'
export { createEngine, type Engine, type EngineEvent, type EngineParts, type Observer } from './engine.ts'
export { type ErrorCode, type ErrorFields, HoldfastError, isHoldfastError } from './errors.ts'
export { type ExtendEntry, type ExtendOptions, extend } from './extend.ts'
export { LIMITS } from './limits.ts'
export { memoryStore } from './memory/memory-store.ts'
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
} from './message.ts'
export { type BrowsePage, browse, cancelMessage, getMessage, rescheduleMessage } from './messages.ts'
export { type NackEntry, nack } from './nack.ts'
export { type PollOptions, poll } from './poll.ts'
export { publish } from './publish.ts'
export type { DeadLetterSettings, FifoSettings, Queue, QueueSettings, RetryPolicy, SettingsChange } from './queue.ts'
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
} from './queues.ts'
export { type Random, systemRandom } from './random.ts'
export {
  cancelRedrive,
  getRedrive,
  listRedrives,
  type RedriveRequest,
  runningRedrives,
  runRedrive,
  startRedrive,
} from './redrive.ts'
export type { RedriveFilter, RedriveTask } from './redrive-task.ts'
export type { Store } from './store.ts'
