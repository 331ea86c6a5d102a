import type { Command } from 'commander'
import type { Target } from './target/target.ts'

/** The shell waits for the completion, so names of queues that take longer than this are not offered, ms. */
const MAX_WAIT_MS = 1_500
const MAX_NAMES = 1_000

/**
 * The words that a shell may offer in place of the last one: commands, options, or names of queues.
 *
 * @param words what follows `holdfast`, up to the cursor
 */
export const completionsOf = async (
  program: Command,
  words: readonly string[],
  openTarget: () => Promise<Target>,
): Promise<readonly string[]> => {
  const current = words.at(-1) ?? ''
  const begun = (candidates: readonly string[]) => candidates.filter((candidate) => candidate.startsWith(current))
  const names = program.commands.map((command) => command.name()).filter((name) => name !== 'help')
  if (words.length <= 1) return begun([...names, 'help'])
  const command = program.commands.find((one) => one.name() === words[0])
  if (words[0] === 'help') return begun(names)
  if (!command) return []
  if (current.startsWith('-')) return begun(command.options.flatMap(({ long }) => (long ? [long] : [])))
  const before = words.slice(1, -1).filter((word) => !word.startsWith('-')).length
  const [first] = command.registeredArguments
  if (before > 0 || !first || !QUEUE_ARGUMENTS.has(first.name())) return []
  return begun(await queueNames(current, openTarget))
}

const QUEUE_ARGUMENTS: ReadonlySet<string> = new Set(['queue', 'name', 'prefix'])

/** No names where the target can't be reached, because a completion never fails. */
const queueNames = async (prefix: string, openTarget: () => Promise<Target>): Promise<readonly string[]> => {
  try {
    const target = await openTarget()
    const signal = AbortSignal.timeout(MAX_WAIT_MS)
    const { queues } = await target.call('listQueues', { query: { prefix, limit: MAX_NAMES }, signal })
    return queues.map(({ name }) => name)
  } catch {
    return []
  }
}
