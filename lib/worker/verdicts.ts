import { invalid } from '../model/errors.ts'

/** Thrown by a handler: the message is to be tried again after this time, whatever the queue's retry policy says. */
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

/** Thrown by a handler: trying again does not help. The message goes to the dead-letter queue at once, with the reason. */
export class Reject extends Error {
  override readonly name = 'Reject'
}
