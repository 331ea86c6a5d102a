/** `npx tsx test/lib/triggers/race-for-slots.ts --races 100000`: more of the races that `npm test` tries. */
import { parseArgs } from 'node:util'
import { type Race, raceForSlots } from './slot-races.ts'

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    max: { type: 'string', default: '1' },
  },
})
const [races, first, max] = [Number(values.races), Number(values.seed), Number(values.max)]

const total: Omit<Race, 'most'> = { invocations: 0, takenOver: 0, killed: 0, answersLost: 0, refused: 0 }
const failed: number[] = []
for (let seed = first; seed < first + races; seed++) {
  const one = await raceForSlots(seed, max)
  if (one.most > max) failed.push(seed)
  for (const what of Object.keys(total) as (keyof typeof total)[]) total[what] += one[what]
}
console.log(
  `${races} races from seed ${first}, maxConcurrency ${max}: ${failed.length} with more invocations at one time`,
)
console.log(
  Object.entries(total)
    .map(([what, count]) => `  ${what}: ${count}`)
    .join('\n'),
)
if (failed.length > 0) {
  console.log(`  seeds: ${failed.slice(0, 10).join(', ')}`)
  process.exitCode = 1
}
