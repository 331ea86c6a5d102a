import type { Random } from '../../lib/random.ts'

export interface SeededRandom extends Random {
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number
  chance(probability: number): boolean
  oneOf<T>(options: readonly T[]): T
}

/** The same numbers for the same seed (a 32-bit Weyl sequence behind a mixing function). */
export const seededRandom = (seed: number): SeededRandom => {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  const fraction = () => next() / 2 ** 32
  const whole = (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1))
  return {
    fraction,
    whole,
    chance: (probability) => fraction() < probability,
    oneOf: <T>(options: readonly T[]) => options[whole(0, options.length - 1)] as T,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  }
}
