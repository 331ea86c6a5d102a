import { invalid } from '../model/errors.ts'

/** Thrown by a handler: the message is tried again after this time, instead of by the queue's retry policy. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly seconds: number

  /** @param seconds 0 … ten years */
  constructor(seconds: number, message = `to be tried again in ${seconds} s`, options?: ErrorOptions) {
    super(message, options)
    if (!(seconds >= 0)) throw invalid('seconds', seconds, 'must be a number from 0')
    this.seconds = seconds
  }
}

/** Thrown by a handler when trying again does not help: the message is moved to the dead-letter queue at once, with the reason. */
export class Reject extends Error {
  override readonly name = 'Reject'
}
