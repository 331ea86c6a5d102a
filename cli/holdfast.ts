#!/usr/bin/env node
const USAGE = `Usage: holdfast <command> [options]

Commands:
  dev    run the queue on this machine: the HTTP API and the SQS endpoint on one port

holdfast <command> --help lists the options of a command.
`

const [command] = process.argv.splice(2, 1)
if (command === 'dev') await import('../functions/local/main.ts')
else if (command === undefined || command === 'help' || command === '--help' || command === '-h') {
  process.stdout.write(USAGE)
} else {
  process.stderr.write(`holdfast: there is no command ${JSON.stringify(command)}\n\n${USAGE}`)
  process.exitCode = 2
}
