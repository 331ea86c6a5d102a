/**
 * `npm run test:interop`: gives the dispatcher's events to libraries for functions in other languages, and the answers of these functions
 * to the dispatcher: aws-lambda-go (Go), Powertools (Python), aws-lambda-java-events (Java). Needs the languages and their package
 * registries, and prints which languages ran. Arguments choose among go, python and java.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_SCOPE, queueNames } from '../../functions/sqs/queue-url.ts'
import { eventInvoker } from '../../functions/triggers/event-invoker.ts'
import { answerOf } from '../../functions/triggers/function-answer.ts'
import { DEFAULT_FIFO } from '../../lib/model/queue-settings.ts'
import { publish } from '../../lib/publish/publish.ts'
import { createQueue } from '../../lib/queues/create-queue.ts'
import { poll } from '../../lib/receive/poll.ts'
import { checkedTrigger } from '../../lib/triggers/trigger.ts'
import { testEngine } from '../support/test-engine.ts'

const BODIES = ['fine', '{"json":true}', 'ünïcode 😀', 'bad']
const ATTRIBUTES = {
  text: { dataType: 'String', value: 'a' },
  number: { dataType: 'Number.int', value: '12' },
  bytes: { dataType: 'Binary', value: Uint8Array.of(1, 2) },
} as const

/** What the dispatcher sends for four messages, and their ids. */
const eventFrom = async (queue: string): Promise<{ event: Buffer; ids: string[] }> => {
  const engine = testEngine()
  const fifo = queue.endsWith('.fifo')
  await createQueue(engine, queue, { settings: fifo ? { fifo: DEFAULT_FIFO } : {} })
  for (const [n, body] of BODIES.entries()) {
    const grouped = fifo ? { groupId: 'g', deduplicationId: `${n}` } : {}
    await publish(engine, queue, [{ body, attributes: ATTRIBUTES, ...grouped }])
  }
  await engine.clock.advance(1)
  const messages = await poll(engine, queue, { maxMessages: 10 })
  const sent: Buffer[] = []
  const invoker = eventInvoker(engine, queueNames(DEFAULT_SCOPE), async (_, event) => {
    sent.push(event)
    return { kind: 'answered', payload: 'null' }
  })
  await invoker.invoke(checkedTrigger({ queue, functionName: 'f', functionTimeoutSeconds: 3 }), messages)
  return { event: sent[0] as Buffer, ids: messages.map(({ messageId }) => messageId) }
}

interface Language {
  /** Prepares the copied folder, and answers the command that handles an event there. */
  prepare(folder: string): readonly [string, ...string[]]
}

const run = (folder: string, command: string, ...parameters: string[]): void => {
  const { status, error, stderr, stdout } = spawnSync(command, parameters, { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`)
}

const LANGUAGES: Readonly<Record<string, Language>> = {
  go: {
    prepare: (folder) => {
      run(folder, 'go', 'mod', 'tidy')
      run(folder, 'go', 'build', '-o', 'handler', '.')
      return [join(folder, 'handler')]
    },
  },
  python: {
    prepare: (folder) => {
      run(folder, 'python3', '-m', 'venv', 'venv')
      run(folder, join('venv', 'bin', 'pip'), 'install', '--quiet', 'aws-lambda-powertools==3.37.0')
      return [join(folder, 'venv', 'bin', 'python'), 'handler.py']
    },
  },
  java: {
    prepare: (folder) => {
      const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
      run(folder, 'mvn', '-q', 'compile', copy)
      return ['java', '-cp', 'target/classes:target/dependency/*', 'Handler']
    },
  },
}

/** The answers of a language's handlers to an event, as the dispatcher reads them: the ids that failed. */
const answersOf = (folder: string, command: readonly [string, ...string[]], event: Buffer, ids: string[]) => {
  const [program, ...parameters] = command
  const { status, stdout, stderr } = spawnSync(program, parameters, { cwd: folder, input: event, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  const [bodies = '', ...answers] = stdout.trim().split('\n')
  if (JSON.stringify(JSON.parse(bodies)) !== JSON.stringify(BODIES)) throw new Error(`the bodies arrived as ${bodies}`)
  return answers.map((answer) => {
    const outcome = answerOf(answer, ids)
    if (outcome.kind !== 'answered') throw new Error(`${answer} is read as ${JSON.stringify(outcome)}`)
    return { answer, failed: [...outcome.failed] }
  })
}

const tryLanguage = async (name: string, { prepare }: Language): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-interop-'))
  try {
    cpSync(join(import.meta.dirname, name), folder, { recursive: true })
    const command = prepare(folder)
    for (const queue of ['orders', 'orders.fifo']) {
      const { event, ids } = await eventFrom(queue)
      const answers = answersOf(folder, command, event, ids)
      const last = answers.pop()
      if (answers.length === 0 || answers.some(({ failed }) => failed.length > 0)) {
        throw new Error(`a success is read as a failure: ${JSON.stringify(answers)}`)
      }
      if (JSON.stringify(last?.failed) !== JSON.stringify(ids.slice(-1)))
        throw new Error(`not the last: ${last?.answer}`)
      console.log(`${name}, ${queue}: ok; successes are ${answers.map(({ answer }) => answer).join(' and ')}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const asked = process.argv.slice(2)
for (const [name, language] of Object.entries(LANGUAGES)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const tool = name === 'python' ? 'python3' : name === 'java' ? 'mvn' : name
  if (spawnSync(tool, [name === 'go' ? 'version' : '--version']).error) {
    console.log(`${name}: not run, since ${tool} is not installed`)
    continue
  }
  try {
    await tryLanguage(name, language)
  } catch (error) {
    console.log(`${name}: FAILED: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
