import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** The checker's verdict on a history. `checker/main.go` has the same members. */
export interface Verdict {
  readonly history: number
  readonly world: string
  readonly model: string
  /** Number of messages of standard queues, or groups of FIFO queues: each is checked independently. */
  readonly partitions: number
  readonly operations: number
  /** Number of partitions for which the checker gave up the search for an order. */
  readonly undecided: number
  readonly violations: readonly {
    readonly partition: string
    readonly stuck: readonly string[]
    readonly picture?: string
  }[]
  readonly ownVerdict: readonly string[]
}

/** Whether Go is installed, which builds the checker. */
export const hasGo = (): boolean => spawnSync('go', ['version']).error === undefined

/**
 * Builds the checker, and tries it on small legal and illegal histories.
 *
 * @returns the path of the program
 * @throws when the build fails, for example because Go's module proxy can't be reached, or when the checker judges a history wrongly
 */
export const buildChecker = (folder: string): string => {
  const program = join(folder, 'checker')
  const cwd = join(import.meta.dirname, 'checker')
  for (const command of [
    ['build', '-o', program, '.'],
    ['test', '.'],
  ]) {
    const { status, stdout, stderr } = spawnSync('go', command, { cwd, encoding: 'utf8' })
    if (status !== 0) throw new Error(`go ${command[0]} of the checker failed:\n${stdout}${stderr}`)
  }
  return program
}

/** Checks the histories in a stream, and yields the verdict on each as soon as the checker prints it. */
export async function* verdictsOn(
  program: string,
  histories: Readable,
  { pictures }: { readonly pictures?: string } = {},
): AsyncGenerator<Verdict> {
  const child: ChildProcess = spawn(program, pictures === undefined ? [] : ['-pictures', pictures], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  // A checker that is stopped early leaves its input unread.
  child.stdin?.on('error', () => {})
  histories.pipe(child.stdin as NonNullable<typeof child.stdin>)
  try {
    for await (const line of createInterface({ input: child.stdout as Readable })) yield JSON.parse(line) as Verdict
    const code = await ended
    if (code !== 0) throw new Error(`the checker ended with code ${code}`)
  } finally {
    child.kill()
  }
}
