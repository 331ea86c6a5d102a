import { isHoldfastError } from '../model/errors.ts'
import type { Message } from '../model/message.ts'

export interface ScanResult {
  readonly messages: Message[]
  /** The earliest instant at which a message that the scan came across can be received, epoch ms. */
  readonly nextAt: number
}

export const NOTHING_FOUND: ScanResult = { messages: [], nextAt: Number.POSITIVE_INFINITY }

/** The result of a scan, or an empty one if the scan failed after others claimed messages: those must reach the caller. */
export const orEmptyResult = async (scanning: Promise<ScanResult>, claimed: boolean): Promise<ScanResult> => {
  try {
    return await scanning
  } catch (error) {
    if (!claimed || !isHoldfastError(error)) throw error
    return NOTHING_FOUND
  }
}
