import type { Codec } from './codec.ts'

/** A codec that also reads bodies as a protocol of text shows them: JSON serialized, bytes as base64. */
export interface TextCodec<In, Out = In> extends Codec<In, Out> {
  decodeText(text: string): Out
}
