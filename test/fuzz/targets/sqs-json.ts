import { jsonRequest, sendToSqs, sqsWords } from '../sqs-world.ts'

/** Requests of SQS's JSON protocol. */
export const fuzz = (data: Buffer): Promise<void> => sendToSqs(data, jsonRequest)

export const dictionary = sqsWords()
