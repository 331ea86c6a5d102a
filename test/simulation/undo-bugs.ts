import { type PlantedBug, SIMULATION_SUITE } from './bugs.ts'

const UNDO_SUITE = 'test/lib/redrive/undo.test.ts'

/** Hunted by histories too. */
const UNDONE = { suites: [SIMULATION_SUITE, UNDO_SUITE], worlds: 'redrives are undone' }

/** Bugs of the undo of a redrive. */
export const UNDO_BUGS: readonly PlantedBug[] = [
  {
    name: 'each running redrive begins with the version of the one before',
    file: 'lib/redrive/store-task.ts',
    replace: ', firstVersion: startedAt',
    by: '',
    suites: ['test/lib/redrive/redrive-progress.test.ts'],
  },
  {
    name: 'an undo takes back what consumers have received',
    file: 'lib/redrive/undo-segment.ts',
    replace: "if (kind === 'lease') {",
    by: "if (kind === 'lease' && held) {",
    ...UNDONE,
  },
  {
    name: 'an undo takes back messages of other redrives',
    file: 'lib/redrive/undo-segment.ts',
    replace: "if (kind === 'gone' || redriven?.taskId !== undoes || !redriven) continue",
    by: "if (kind === 'gone' || !redriven) continue",
    ...UNDONE,
  },
  {
    name: 'an undo moves messages of a queue that was purged in the meantime',
    file: 'lib/redrive/undo-segment.ts',
    replace: '    from: queue,\n',
    by: '',
    suites: ['test/lib/redrive/undo-races.test.ts'],
  },
  {
    name: 'an undo takes the messages of a deleted queue for those of a new one',
    file: 'lib/redrive/undo-segment.ts',
    replace: 'fresh?.generation === read.generation ? fresh : undefined',
    by: 'fresh',
    suites: ['test/lib/redrive/undo-races.test.ts'],
  },
  {
    name: 'an undo moves a message past one of its group that was received',
    file: 'lib/redrive/undo-segment.ts',
    replace: 'holds ||= fifo !== undefined',
    by: 'holds ||= false',
    suites: [UNDO_SUITE],
  },
  {
    name: 'an undo forgets at the next page that a message of the group stays',
    file: 'lib/redrive/undo-page.ts',
    replace: 'held: same && cursor.held === true',
    by: 'held: false',
    suites: ['test/lib/redrive/undo.test.ts'],
  },
  {
    name: 'a message that goes back loses its reason',
    file: 'lib/redrive/undo-segment.ts',
    replace: '...content, messageId, publishedAt, ...(deadLetter && { deadLetter })',
    by: '...content, messageId, publishedAt',
    ...UNDONE,
  },
  {
    name: 'a message that failed again still belongs to its redrive',
    file: 'lib/redrive/dead-letter.ts',
    replace: '...withoutRedrive(message)',
    by: '...message',
    suites: ['test/lib/redrive/undo.test.ts'],
  },
  {
    name: 'a redrive moves messages to a queue before it records the queue',
    file: 'lib/redrive/redrive-move.ts',
    replace:
      'if (isTracked(task) && !task.targets?.includes(target.name)) return { target: target.name }\n    const moved',
    by: 'const moved',
    suites: ['test/lib/redrive/undo-races.test.ts'],
  },
  {
    name: 'an undo looks at the highest priority of a queue alone',
    file: 'lib/redrive/undo-page.ts',
    replace: 'const range = ranges.find(({ to }) => to >= from)',
    by: 'const range = ranges.slice(0, 1).find(({ to }) => to >= from)',
    suites: ['test/lib/redrive/undo.test.ts'],
  },
  {
    name: 'a version that knows no undo takes one for a redrive',
    file: 'lib/redrive/redrive-task.ts',
    replace: "(undoes === undefined ? '' : UNDO) + state",
    by: 'state',
    suites: ['test/lib/redrive/undo.test.ts'],
  },
]
