import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod/mini'
import { HoldfastError, isHoldfastError } from '../../lib/model/errors.ts'
import { newQueueSettings } from '../../lib/model/given-settings.ts'
import { applySettings } from '../../lib/model/queue-settings.ts'
import { withoutUndefined } from '../../lib/model/without-undefined.ts'
import { checkedTrigger, type GivenTrigger } from '../../lib/triggers/trigger.ts'
import { jsonSchema } from '../http/json-schema.ts'
import { checked, pathName } from '../http/refusal.ts'
import { type NewQueueBody, newQueue, settingsIn } from '../http/settings-shape.ts'
import { queueName } from '../http/shapes.ts'
import { JsonFault, parseStrictJson } from '../runtime/strict-json.ts'
import { utf8Text } from '../runtime/utf8.ts'
import { fileFault } from './file-fault.ts'
import { DEFAULT_TIMEOUT_SECONDS, type LocalTrigger } from './triggers/local-trigger.ts'
import { type FileTrigger, fileTrigger } from './triggers/trigger-shape.ts'
import { UsageError } from './usage-error.ts'

/** The queues that a file declares, by name. */
export type DeclaredQueues = ReadonlyMap<string, NewQueueBody>

/** What a file declares. */
export interface QueueFile {
  readonly queues: DeclaredQueues
  readonly triggers: readonly LocalTrigger[]
}

/** A file that declares queues, each with the body of `PUT /queues/{queue}`, and triggers. */
const queueFile = z
  .strictObject({
    $schema: z.optional(z.string().check(z.describe('Where an editor finds this schema'))),
    queues: z
      .record(queueName, newQueue)
      .check(z.describe('The settings of each queue, by its name. A setting that is left out has its default.')),
    triggers: z.optional(
      z
        .record(queueName, fileTrigger)
        .check(z.describe('The handler that gets the messages of a queue, by the name of the queue.')),
    ),
  })
  .check(z.meta({ title: 'Queues and triggers of Holdfast', description: 'Read by holdfast dev --queues FILE' }))

/**
 * Reads the queues that a file declares, with the checks that need nothing but the file.
 *
 * @throws `UsageError` naming the file, and the line or the member at fault
 */
export const readQueueFile = async (file: string): Promise<QueueFile> => {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw refused(file, fileFault(error), error)
  })
  const text = utf8Text(bytes)
  if (text === undefined) throw refused(file, 'the file is not UTF-8')
  try {
    return parseQueueFile(text, file)
  } catch (error) {
    if (error instanceof JsonFault) {
      const what = error.path === '' ? 'the file' : error.path
      throw refused(file, `line ${error.line}, column ${error.column}: ${what} ${error.message}`, error)
    }
    if (isHoldfastError(error)) throw refused(file, error.message, error)
    throw error
  }
}

/**
 * @param file the file's path: paths of handlers are relative to its directory
 * @throws `JsonFault`, `HoldfastError`
 */
export const parseQueueFile = (text: string, file: string): QueueFile => {
  const { queues, triggers = {} } = checked(queueFile, parseStrictJson(text.replace(/^\uFEFF/, '')), 'the file')
  for (const [name, body] of Object.entries(queues)) {
    try {
      applySettings(name, newQueueSettings(name, settingsIn(body)))
    } catch (error) {
      throw inFile(['queues', name], error)
    }
  }
  return {
    queues: new Map(Object.entries(queues)),
    triggers: Object.entries(triggers).map(([name, given]) => triggerIn(file, name, given)),
  }
}

const triggerIn = (file: string, queue: string, given: FileTrigger): LocalTrigger => {
  const { handler, ...settings } = withoutUndefined(given) as DeclaredTrigger
  const place = ['triggers', queue]
  try {
    checkedTrigger({ functionTimeoutSeconds: DEFAULT_TIMEOUT_SECONDS, ...settings, queue, functionName: handler })
  } catch (error) {
    throw inFile(place, error)
  }
  const declaredIn = `--queues ${file}: ${pathName(place, 'the file')}`
  return { ...settings, queue, handler, declaredIn, directory: dirname(file), createsQueue: false }
}

/** The members of a file's trigger: those that the file has are never undefined. */
type DeclaredTrigger = Pick<LocalTrigger, 'handler'> &
  Omit<GivenTrigger, 'queue' | 'functionName' | 'functionTimeoutSeconds'>

/** An error about what is at a path of the file, with the path before its message. */
export const inFile = (at: readonly string[], error: unknown): unknown => {
  if (!isHoldfastError(error)) return error
  const place = pathName(at, 'the file')
  const { field = '' } = error.fields
  // The file has the queue's name as a key, not as a field.
  const path = field === '' || field === 'queue' ? place : `${place}.${field}`
  const fault = error.message.startsWith(`${field} `) ? error.message.slice(field.length) : `: ${error.message}`
  return new HoldfastError(error.code, `${path}${fault}`, { ...error.fields, field: path }, { cause: error })
}

const refused = (file: string, reason: string, cause?: unknown): UsageError =>
  new UsageError(`--queues ${file}: ${reason}`, { cause })

/** The JSON Schema of such files, for editors. */
export const queueFileSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...jsonSchema(queueFile, 'input'),
})
