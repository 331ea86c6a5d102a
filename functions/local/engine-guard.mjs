// @ts-check
// Runs the embedded engine, and ends it when standard input ends: that is when the server ends, in whatever way. The
// server alone can't do this: killed with SIGKILL it has no last word. A process of plain JavaScript works everywhere.
import { spawn } from 'node:child_process'

const [file = '', ...args] = process.argv.slice(2)
const engine = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })

// Signals of the terminal are the server's to act on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

const GRACE_MS = 1_000
const end = () => {
  engine.kill('SIGTERM')
  setTimeout(() => engine.kill('SIGKILL'), GRACE_MS).unref()
}
process.stdin.on('end', end).on('error', end).resume()

engine.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(127)
})
engine.on('exit', (code, signal) => process.exit(signal ? 128 : (code ?? 1)))

// The server ends the engine itself should this process be the one that is killed.
process.stdout.on('error', () => {})
process.stdout.write(`${engine.pid}\n`)
