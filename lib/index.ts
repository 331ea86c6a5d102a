export type { Awaiting, ResultOptions } from './client/awaiting.ts'
export type {
  ClientOptions,
  EngineOptions,
  StoreOptions,
  TableOptions,
  UrlOptions,
} from './client/places/options.ts'
export type { PublishEntry, PublishOptions, PublishOutcome, Sent } from './client/publishing.ts'
export type { PollOptions as ClientPollOptions, QueueClient } from './client/queue.ts'
export type { AckOptions, ExtendOptions, NackOptions } from './client/settling.ts'
export type { CommitResult, JointTransaction, TransactionAckOptions } from './client/transaction.ts'
export { type Client, createClient, type QueueOptions, type Transaction } from './client.ts'
export { type Clock, systemClock } from './clock.ts'
export { bytesCodec } from './codecs/bytes.ts'
export type { Codec } from './codecs/codec.ts'
export { type Json, type JsonOptions, jsonCodec } from './codecs/json.ts'
export { messagePackCodec } from './codecs/messagepack.ts'
export type { InvalidMessage, Received } from './codecs/read-message.ts'
export type { SchemaIssue, SchemaResult, StandardSchema } from './codecs/schema.ts'
export { textCodec } from './codecs/text.ts'
export type { TextCodec } from './codecs/text-codec.ts'
export { createEngine, type Engine, type EngineParts } from './engine.ts'
export {
  type BrowseOptions,
  type BrowsePage,
  type BrowseState,
  browse,
  type UnreadableItem,
} from './messages/browse.ts'
export { cancelMessage } from './messages/cancel-message.ts'
export { getMessage } from './messages/get-message.ts'
export { rescheduleMessage } from './messages/reschedule-message.ts'
export { type MessageEdits, resendMessage } from './messages/resend-message.ts'
export type { CancelReason } from './model/cancel-reason.ts'
export type { EngineEvent, Observer } from './model/engine-event.ts'
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
export type { MessageStatus } from './model/message-status.ts'
export type {
  DeadLetterSettings,
  FifoSettings,
  Queue,
  QueueSettings,
  ResultSettings,
  SettingsChange,
} from './model/queue-settings.ts'
export type { Failure, ResultAnswer } from './model/result.ts'
export type { RetryPolicy } from './model/retry-policy.ts'
export type { SegmentKey, SegmentPartition } from './model/segment-key.ts'
export { type PublishCallOptions, publish } from './publish/publish.ts'
export { type Counts, counts } from './queues/counts.ts'
export { createQueue, type QueueCreation } from './queues/create-queue.ts'
export { deleteQueue } from './queues/delete-queue.ts'
export { getQueue } from './queues/get-queue.ts'
export { type ListQuery, listQueueNames, listQueues, type QueuePage } from './queues/list-queues.ts'
export { purgeQueue } from './queues/purge-queue.ts'
export { type QueueChange, updateQueue } from './queues/update-queue.ts'
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
export type { QueueSelection, RedriveFilter, RedriveTask } from './redrive/redrive-task.ts'
export { previewUndo, type UndoPreview, type UndoRequest, undoRedrive } from './redrive/undo.ts'
export { type AwaitOptions, awaitResult, messageStatus } from './results/await-result.ts'
export {
  type AckOptions as EngineAckOptions,
  ack,
  type ExtendOptions as EngineExtendOptions,
  extend,
  type Handle,
  type NackOptions as EngineNackOptions,
  nack,
  unreceive,
} from './settle/verbs.ts'
export type { Consumption } from './store/dynamodb/consumption.ts'
export { type DynamodbStoreParts, dynamodbStore } from './store/dynamodb/dynamodb-store.ts'
export { type CreateTableOptions, createTable } from './store/dynamodb/table.ts'
export { type DiskStore, type DiskStoreParts, diskStore } from './store/keyed/disk/disk-store.ts'
export { memoryStore } from './store/keyed/memory-store.ts'
export type { Reclaim } from './store/keyed/reclaim.ts'
export { TABLE_SHAPE } from './store/keys.ts'
export type { Store, TableStore } from './store/port.ts'
export type { Telemetry } from './telemetry/telemetry.ts'
export type { TransactionOptions } from './transactions/transaction.ts'
export type { CallOptions, GivenQueue, GivenQueueChange } from './transport/port.ts'
export type { Credentials } from './transport/signer.ts'
export type { FilteredRecord, FilterPattern, Unmatched } from './triggers/filter/filter.ts'
export type { InvokeOutcome, Invoker, TriggerEvent } from './triggers/invoker.ts'
export { listTriggers, type TriggerPage, type TriggerQuery, type TriggerState } from './triggers/list-triggers.ts'
export { dispatch } from './triggers/run.ts'
export type { DispatchOptions, RunEnd } from './triggers/run-state.ts'
export {
  type Declarer,
  type GivenTrigger,
  getTrigger,
  removeTrigger,
  setTrigger,
  type Trigger,
  triggers,
} from './triggers/trigger.ts'
export { type TickOptions, tick, type WakeOptions, wake } from './triggers/wake.ts'
export type { BatchContext, BatchHandler, ErrorContext, Handler, HandlerContext } from './worker/handler.ts'
export { Reject, RetryLater } from './worker/verdicts.ts'
export type { BatchOptions, ConsumeOptions, StopOptions, Worker } from './worker/worker.ts'
