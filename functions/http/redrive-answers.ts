import * as z from 'zod/mini'
import { count } from './answers.ts'
import { instant } from './shapes.ts'

export const redriveTask = z
  .strictObject({
    taskId: z.string(),
    source: z.string(),
    destination: z.optional(z.string()),
    state: z.enum(['running', 'completed', 'cancelling', 'cancelled', 'failed']),
    moved: count,
    toMove: count,
    filter: z.optional(
      z.strictObject({
        messageIds: z.optional(z.array(z.string())),
        sourceQueue: z.optional(z.string()),
        attributes: z.optional(z.record(z.string(), z.string())),
        bodyContains: z.optional(z.string()),
      }),
    ),
    maxPerSecond: z.optional(z.number()),
    startedAt: instant,
    failure: z.optional(z.string()),
    failureCode: z.optional(z.string()),
    undoes: z.optional(z.string()),
    undoneBy: z.optional(z.string()),
    received: z.optional(count),
    behind: z.optional(count),
    gone: z.optional(count),
  })
  .check(z.meta({ id: 'RedriveTask' }))

export const undoPreview = z
  .strictObject({
    taskId: z.string(),
    returning: count,
    received: count,
    behind: count,
    gone: z.optional(count),
    complete: z.boolean(),
    queues: z.array(z.string()),
  })
  .check(z.meta({ id: 'UndoPreview' }))

export const redriveListAnswer = z.strictObject({ redrives: z.array(redriveTask) })
