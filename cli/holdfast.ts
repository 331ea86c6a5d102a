#!/usr/bin/env node
/**
 * The `holdfast` command.
 *
 * To add a verb: write `verbs/NAME.ts`, which exports one `verb({ … })` (its syntax, its options, its examples and its `run`), and add it
 * to the list in `verbs.ts`. The help, the completion, the options `--table`, `--url`, `--region` and `--json`, the exit codes and Ctrl-C
 * follow from that. `run` gets a `Session`: `target.call('getQueue', …)` calls an operation of the HTTP API wherever the queues are,
 * `out.record` prints JSON where `out.json` is true, `out.table` and `out.text` print for people. A failure is thrown: `UsageError` exits
 * with 2, any other with 1. A long verb stops at `signal` and reports how far it got. A verb that destroys something sets `destroys` and
 * asks with `confirmQueue`. Then: `docs/cli.md`, and tests in `test/cli`, piped and in a pseudo-terminal.
 */
const [, , command] = process.argv
if (command === 'dev') {
  process.argv.splice(2, 1)
  await import('../functions/local/main.ts')
} else {
  const [{ runCommandLine }, { processIo }] = await Promise.all([import('./program.ts'), import('./io.ts')])
  // Open connections would keep the process running.
  process.exit(await runCommandLine(process.argv.slice(2), processIo()))
}
