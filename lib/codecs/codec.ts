import type { Body } from '../model/message.ts'

/**
 * How the bodies of a queue are written and read back. What a codec can't carry back as it was, it refuses when the
 * message is published, not when it is received.
 */
export interface Codec<In, Out = In> {
  readonly name: string
  /** @throws `InvalidRequest` that names the path of the value at fault */
  encode(body: In): Body
  /** @throws any error: the message can't be read, and trying again does not help */
  decode(body: Body): Out
}
