import { sortRightBehind } from '../../model/segment-key.ts'

/** Neighbouring headers with nothing to receive until an instant. */
export interface KeyRange {
  readonly from: string
  /** Right behind the last key. */
  readonly end: string
  /** When the first message becomes visible, epoch ms; Infinity when all of them are gone for good. */
  readonly until: number
  readonly headers: number
}

/** A key range holds at most this many headers, so that reading one whose `until` is past costs little. */
export const MAX_RANGE_HEADERS = 64

/** The end of a key range whose last key is `to`. An end is returned as it is. */
export const endBehind = (to: string): string => (to.endsWith('!') ? to : sortRightBehind(to))
