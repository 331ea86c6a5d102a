import type { Engine } from '../engine.ts'
import { invalid } from '../model/errors.ts'
import { LIMITS } from '../model/limits.ts'
import { plainName } from '../model/queue-name.ts'
import type { QueueSettings } from '../model/queue-settings.ts'
import { readQueue } from './read-queue.ts'

export const checkTags = (tags: Readonly<Record<string, string>>): void => {
  const entries = Object.entries(tags)
  if (entries.length > LIMITS.tags) throw invalid('tags', entries.length, `must hold at most ${LIMITS.tags} tags`)
  for (const [key, value] of entries) {
    if (key.length < 1 || key.length > LIMITS.tagKeyLength) {
      throw invalid('tags', key, `must have keys of 1 to ${LIMITS.tagKeyLength} characters`)
    }
    if (typeof value !== 'string') throw invalid(`tags.${key}`, value, 'must be a string')
    if (!key.isWellFormed() || !value.isWellFormed()) {
      throw invalid('tags', '(text)', 'must be well-formed Unicode, without lone surrogates')
    }
    if (value.length > LIMITS.tagValueLength) {
      throw invalid(`tags.${key}`, value, `must have at most ${LIMITS.tagValueLength} characters`)
    }
  }
}

export const checkExtras = (extras: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(extras)) {
    if (!value.isWellFormed()) throw invalid(name, '(text)', 'must be well-formed Unicode, without lone surrogates')
  }
}

export const checkDeadLetterQueue = async (engine: Engine, { deadLetter }: QueueSettings): Promise<void> => {
  if (!deadLetter) return
  if (!(await readQueue(engine.store, deadLetter.queue, { consistent: true }))) {
    throw invalid('deadLetter.queue', plainName(deadLetter.queue), 'must name a queue that exists')
  }
}
