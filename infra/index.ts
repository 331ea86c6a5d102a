export { DeclaredQueue, type DeclaredQueueProps } from './declared-queue.ts'
export { HoldfastStack } from './holdfast-stack.ts'
export { QueueService, type QueueServiceProps } from './queue-service.ts'
export type { Settings } from './settings.ts'
