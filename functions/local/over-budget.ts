import { randomUUID } from 'node:crypto'
import { HoldfastError } from '../../lib/model/errors.ts'
import { problemResponse } from '../http/problem.ts'
import { isForSqs, refuseSqsRequest } from '../sqs/endpoint.ts'
import { toSqsError } from '../sqs/errors.ts'

export const overBudgetError = (): HoldfastError =>
  new HoldfastError(
    'Throttled',
    'the server holds as many bytes of requests and answers as it may: nothing was done, send it again',
  )

/** The answer to a request that waited too long for its share of the budget, in the shape of its protocol. SDKs send such a request again. */
export const refuseOverBudget = (request: Request, target: string): Response => {
  const error = overBudgetError()
  const requestId = randomUUID()
  const refused = isForSqs(request, target)
    ? refuseSqsRequest(request, toSqsError(error), requestId)
    : problemResponse(error, requestId)
  // The body has not been read, and what follows it on the connection could not be.
  refused.headers.set('connection', 'close')
  return refused
}
