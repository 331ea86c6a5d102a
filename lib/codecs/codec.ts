import type { Body } from '../model/message.ts'

/**
 * Writes the bodies of a queue and reads them back. A value that a codec can't give back unchanged is refused when it is published, not
 * when it is received.
 */
export interface Codec<In, Out = In> {
  readonly name: string
  /** @throws `InvalidRequest` that names the path of the value at fault */
  encode(body: In): Body
  /** @throws any error: the message can't be read, and trying again does not help */
  decode(body: Body): Out
}
