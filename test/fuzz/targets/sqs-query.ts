import { queryRequest, sendToSqs, sqsWords } from '../sqs-world.ts'

/** Requests of SQS's query protocol. */
export const fuzz = (data: Buffer): Promise<void> => sendToSqs(data, queryRequest)

const FORM_PARTS = ['Action=', 'Version=2012-11-05', '.1.', '&', '=', '.Name=', '.Value=', '.DataType=']
export const dictionary = [...sqsWords(), ...FORM_PARTS]
