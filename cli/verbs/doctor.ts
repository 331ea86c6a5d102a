import { Option } from 'commander'
import { UsageError } from '../../functions/local/usage-error.ts'
import { allQueues } from '../all-queues.ts'
import { confirmName } from '../confirm.ts'
import { expiringMessages } from '../doctor/expiring.ts'
import { type Finding, type FindingCure, findingOf, isDenied, notChecked } from '../doctor/finding.ts'
import { mark } from '../output/troubles.ts'
import { Interrupted, type Session } from '../session.ts'
import { verb } from '../verb.ts'

interface DoctorOptions {
  readonly enableTtl?: boolean
}

export const doctor = verb<DoctorOptions>({
  syntax: 'doctor',
  group: 'Look',
  summary: 'look for everything that is wrong, and say which commands cure it',
  details:
    "Of a table: whether it is there, its TTL, its stream where a queue has a trigger, each right that your role needs, and this machine's clock against DynamoDB's. Everywhere: what is wrong with each queue. The command changes nothing, unless --enable-ttl asks for that. It exits with 1 when a finding is bad (✖), and with 0 when there are only warnings (!), or nothing.",
  options: () => [
    new Option('--enable-ttl', "turn the table's TTL on first, where it is off"),
    new Option('--yes', "turn the TTL on without asking for the table's name"),
  ],
  examples: [
    ['holdfast doctor --table holdfast', 'everything that is wrong with a table and its queues'],
    ['holdfast doctor --table holdfast --enable-ttl', 'turn the TTL on, then look'],
    ["holdfast doctor --json | jq -r '.cures[].command // empty'", 'the commands that show and cure it'],
  ],
  run: async (session, _, { enableTtl }) => {
    const { out, target } = session
    const turnedOn = enableTtl === true && (await turnTimeToLiveOn(session))
    const findings = await examine(session).catch((error) => {
      throw turnedOn && session.signal.aborted ? new Error('interrupted, after the TTL was turned on') : error
    })
    if (out.json) for (const finding of findings) out.record(finding)
    else if (findings.length === 0) out.text(`${mark(out, undefined)} nothing is wrong at ${target.name}`)
    else
      out.table(
        ['', 'WHERE', 'WHAT IS WRONG, AND WHAT TO DO'],
        findings.flatMap((one) => rows(session, one)),
      )
    return findings.some(({ level }) => level === 'bad') ? 1 : 0
  },
})

/** Everything that is wrong, the worst first. */
const examine = async (session: Session): Promise<readonly Finding[]> => {
  const { target, now } = session
  if (!target.table) return sorted(await queueFindings(session))
  // Other verbs start sooner without it.
  const { tableFindings } = await import('../doctor/table.ts')
  const { findings, usable } = await tableFindings(target.table, target.options, now)
  session.signal.throwIfAborted()
  return sorted([...findings, ...(usable ? await queueFindings(session) : [])])
}

const sorted = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'))

const queueFindings = async (session: Session): Promise<readonly Finding[]> => {
  const { target, signal } = session
  try {
    const queues = await allQueues(session)
    const findings: Finding[] = []
    for (const watched of queues) {
      findings.push(...watched.troubles.map((trouble) => findingOf(watched.queue.name, trouble, target.options)))
      findings.push(...(await expiringMessages(session, watched)))
    }
    return findings
  } catch (error) {
    if (signal.aborted || error instanceof Interrupted) throw error
    if (isDenied(error)) return [{ ...notChecked('what is wrong with the queues', error), level: 'bad' }]
    const what = `the queues at ${target.name} can't be listed: ${(error as Error).message}`
    return [
      { code: 'unreachable', level: 'bad', what, cures: [{ effect: 'start what serves them, or name another place' }] },
    ]
  }
}

/** Returns whether it changed anything. */
const turnTimeToLiveOn = async (session: Session): Promise<boolean> => {
  const { target, out, signal } = session
  if (!target.table) throw new UsageError('--enable-ttl is for a table: name it with --table')
  const { client, name } = target.table
  const { timeToLiveProblem, turnTimeToLiveOn: turnOn } = await import('../../lib/store/dynamodb/table.ts')
  if ((await timeToLiveProblem(client, name)) === undefined) return false
  const what = `This turns on the TTL of the table ${name}: DynamoDB then deletes what has expired.`
  await confirmName(session, { noun: 'table', name }, what)
  signal.throwIfAborted()
  const problem = await turnOn(client, name)
  if (problem !== undefined) throw new Error(problem)
  out.note(`the TTL of the table ${name} is on`)
  return true
}

const rows = ({ out, target }: Session, { level, queue, what, cures }: Finding): string[][] => [
  [mark(out, level), out.style('bold', queue ?? target.name), what],
  ...cures.map((cure) => ['', '', cureText(cure, (command) => out.style('cyan', command))]),
]

const cureText = ({ command, effect }: FindingCure, coloured: (text: string) => string): string =>
  command === undefined ? `→ ${effect}` : `→ ${coloured(command)}   ${effect}`
