/**
 * The simplest executable model of a queue: one list of messages, changed in place. Tests compare the engine's answers with
 * the model's. The model covers a single process; messages of one priority and due time have no order.
 */
export interface QueueModel {
  now: number
  /** Receives before a message goes to the dead-letter queue. */
  readonly maxReceives: number
  readonly messages: ModelMessage[]
  readonly deliveries: ModelDelivery[]
}

export interface ModelMessage {
  readonly id: string
  readonly body: string
  readonly priority: number
  readonly groupId: string | undefined
  dueAt: number
  visibleAt: number
  expiresAt: number
  receiveCount: number
  firstReceivedAt: number | undefined
  /** The delivery that holds it or held it last. */
  holder: ModelDelivery | undefined
  /** Whether the message was given back or rescheduled, so that no consumer works on it. */
  backingOff: boolean
  gone: boolean
  /** Whether a purge removed the message. A purge does not touch handles: their answers are open. */
  purged: boolean
}

export interface ModelDelivery {
  readonly message: ModelMessage
  readonly receiptHandle: string
}

export const isThere = (model: QueueModel, message: ModelMessage): boolean =>
  !message.gone && message.expiresAt > model.now

/** Whether the message is exhausted: the next poll that finds it moves it to the dead-letter queue. */
export const isSpent = (model: QueueModel, message: ModelMessage): boolean =>
  isThere(model, message) && message.receiveCount >= model.maxReceives && message.visibleAt <= model.now

export const receivable = (model: QueueModel): ModelMessage[] =>
  model.messages
    .filter((message) => isThere(model, message) && message.visibleAt <= model.now && !isSpent(model, message))
    .sort((a, b) => b.priority - a.priority || a.dueAt - b.dueAt)

export const isLeased = (model: QueueModel, message: ModelMessage): boolean =>
  message.holder !== undefined && !message.backingOff && message.visibleAt > model.now

export const countsOf = (model: QueueModel): { ready: number; delayed: number; leased: number } => {
  const there = model.messages.filter((message) => isThere(model, message))
  const leased = there.filter((message) => isLeased(model, message)).length
  const delayed = there.filter((message) => message.visibleAt > model.now).length - leased
  return { leased, delayed, ready: there.length - leased - delayed }
}
