import { createInterface } from 'node:readline/promises'
import { UsageError } from '../functions/local/usage-error.ts'
import { Interrupted, type Session } from './session.ts'

/**
 * Asks for the queue's name before something is destroyed, unless `--yes` answered in advance.
 *
 * @param what what will happen, as a sentence
 * @throws `UsageError` where stdin or stderr is no terminal, `Error` for another name, `Interrupted`
 */
export const confirmQueue = (session: Session, queue: string, what: string): Promise<void> =>
  confirmName(session, { noun: 'queue', name: queue }, what)

/** Asks for the name of something else, in the same way. */
export const confirmName = async (
  { io, yes, signal }: Session,
  { noun, name }: { readonly noun: string; readonly name: string },
  what: string,
): Promise<void> => {
  if (yes) return
  if (!io.stdin.isTTY || !io.stderr.isTTY) {
    throw new UsageError(
      `${what} This needs your confirmation, and here is no terminal to ask for it: run the command with --yes. Nothing was changed.`,
    )
  }
  const answer = await ask(io, `${what}\nType the ${noun}'s name to go on: `, signal)
  if (answer.trim() !== name) throw new Error(`that is not the ${noun}'s name (${name}): nothing was changed`)
}

const ask = async ({ stdin, stderr }: Session['io'], question: string, signal: AbortSignal): Promise<string> => {
  const lines = createInterface({ input: stdin, output: stderr })
  // At a prompt, this interface gets Ctrl-C and the end of input in place of the process.
  const ended = new Promise<never>((_, reject) => {
    const leave = () => reject(new Interrupted('interrupted'))
    lines.once('SIGINT', leave)
    lines.once('close', leave)
    signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([lines.question(question), ended])
  } finally {
    ended.catch(() => {})
    lines.close()
  }
}
