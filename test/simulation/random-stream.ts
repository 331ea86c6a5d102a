import type { SeededRandom } from '../support/seeded-random.ts'

/**
 * Random numbers named by their purpose: a stream for each action of an actor, and for each request. So an event in one place
 * does not change the numbers in another. A history without one of its actions is otherwise the same, which makes shrinking
 * possible.
 */
export interface RandomStream extends SeededRandom {
  /** Starts the stream of this name. Two names never share numbers: the state is 128 bits. */
  restart(a: number, b?: number, c?: number): void
  /** 32 random bits. */
  bits(): number
}

/** SFC32 (Chris Doty-Humphrey's Small Fast Counting generator). */
export const randomStream = (seed: number): RandomStream => {
  let [a, b, c, counter] = [0, 0, 0, 1]

  const bits = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  const restart = (first: number, second = 0, third = 0): void => {
    a = seed ^ Math.imul(third, 0x9e3779b9)
    b = first
    c = second
    counter = 1
    for (let round = 0; round < 12; round++) bits()
  }
  restart(0)

  const fraction = () => bits() / 2 ** 32
  const whole = (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1))
  return {
    restart,
    bits,
    fraction,
    whole,
    chance: (probability) => fraction() < probability,
    oneOf: <T>(options: readonly T[]) => options[whole(0, options.length - 1)] as T,
    bytes: (length) => {
      const bytes = new Uint8Array(length)
      for (let at = 0, word = 0; at < length; at++, word >>>= 8) {
        if ((at & 3) === 0) word = bits()
        bytes[at] = word
      }
      return bytes
    },
  }
}
