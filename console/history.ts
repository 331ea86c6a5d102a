/** The counts of a queue at an instant. */
export interface Sample {
  /** Epoch ms. */
  readonly at: number
  readonly ready: number
  readonly leased: number
  readonly delayed: number
}

const SAMPLES = 240
const QUEUES = 500
/** Two counts within this time are one sample. */
const APART_MS = 900

/** The counts that the screens have shown, kept in this process. The history itself reads and stores nothing. */
export interface History {
  add(queue: string, sample: Sample): void
  /** Oldest first. */
  of(queue: string): readonly Sample[]
}

export const createHistory = (): History => {
  const known = new Map<string, Sample[]>()
  return {
    add: (queue, sample) => {
      const samples = known.get(queue) ?? []
      const latest = samples.at(-1)
      if (latest && sample.at - latest.at < APART_MS) samples[samples.length - 1] = { ...sample, at: latest.at }
      else samples.push(sample)
      if (samples.length > SAMPLES) samples.shift()
      // The map's first queue is the one that was shown least recently.
      known.delete(queue)
      known.set(queue, samples)
      const [first] = known.keys()
      if (known.size > QUEUES && first !== undefined) known.delete(first)
    },
    of: (queue) => known.get(queue) ?? [],
  }
}
