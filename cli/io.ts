/** What a command has of the process that runs it. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Calls the handler at each Ctrl-C and each request to end; returns a function that removes the handler. */
  readonly onInterrupt: (handler: () => void) => () => void
  /** Ends the process at once, without waiting for what still runs. */
  readonly leave: (code: number) => void
}

export type Stream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }

export const processIo = (): Io => ({
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  onInterrupt: (handler) => {
    for (const signal of ENDING) process.on(signal, handler)
    return () => {
      for (const signal of ENDING) process.off(signal, handler)
    }
  },
  leave: (code) => process.exit(code),
})

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
