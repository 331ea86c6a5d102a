import { REQUEST_BYTES } from '../../../functions/http/request-body.ts'
import { httpWords, sendToHttp } from '../http-world.ts'
import { expanded } from '../repeated.ts'
import { jsonRequest, queryRequest, sendToSqs, sqsWords } from '../sqs-world.ts'

/** Requests as large as may be sent: `@5000*ab@` is `ab` 5,000 times. The first line of the input names the API. */
export const fuzz = async (data: Buffer): Promise<void> => {
  const end = data.indexOf('\n')
  const requests = data.subarray(end + 1)
  switch (data.toString('latin1', 0, Math.max(0, end))) {
    case 'json':
      return sendToSqs(requests, jsonRequest, whole)
    case 'query':
      return sendToSqs(requests, queryRequest, whole)
    default:
      return sendToHttp(requests, whole)
  }
}

const whole = (text: string): string => expanded(text, REQUEST_BYTES)

const REPEATS = ['@5900000*a@', '@1000000*\\u0001@', '@1000000*[@', '@100000*"a",@', '@1000000*%20@', '@900000*{"a":@']
export const dictionary = [...sqsWords(), ...httpWords(), ...REPEATS, 'json\n', 'query\n', 'http\n']
