// @ts-check
// Runs the embedded engine, and ends it when standard input ends, which happens however the server ends. The server
// can't end the engine itself: SIGKILL leaves it no time. This file is plain JavaScript, so it starts without a loader.
import { spawn } from 'node:child_process'

const [file = '', ...args] = process.argv.slice(2)
const engine = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })

// Signals of the terminal are for the server, which then closes standard input.
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

// If this process is killed, the server ends the engine by the process id that is written here.
process.stdout.on('error', () => {})
process.stdout.write(`${engine.pid}\n`)
