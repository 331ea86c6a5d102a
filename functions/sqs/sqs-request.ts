import type { SqsError } from './errors.ts'
import { JSON_CONTENT_TYPE, jsonFailure } from './json-protocol.ts'
import { queryFailure } from './query-protocol.ts'
import type { SqsAnswer, SqsRequest } from './request.ts'

type Header = SqsRequest['header']

const FORM_OR_AWS_JSON = /^application\/x-(?:www-form-urlencoded|amz-json)/i
const SIGNED_FOR_SQS = /[,\s]Credential=[^,\s]*\/sqs\/aws4_request/
const QUERY_OF_SQS = /[?&](?:Action=|X-Amz-Credential=[^&]*(?:\/|%2F)sqs(?:\/|%2F)aws4_request)/i

/**
 * Whether a request speaks the SQS protocol, at any path: it names an action, has a content type of SQS, or is signed for
 * SQS. `target` is the request's path and query, or its query alone.
 */
export const isSqsRequest = (header: Header, target: string): boolean =>
  header('x-amz-target') !== undefined ||
  FORM_OR_AWS_JSON.test(header('content-type') ?? '') ||
  SIGNED_FOR_SQS.test(header('authorization') ?? '') ||
  QUERY_OF_SQS.test(target)

/** Whether a request speaks the JSON protocol and not the query protocol. */
export const isJson = (header: Header): boolean =>
  header('x-amz-target') !== undefined || (header('content-type') ?? '').startsWith(JSON_CONTENT_TYPE)

/** Whether a client of the query protocol asks for JSON in place of XML. */
export const wantsJson = (header: Header): boolean => (header('accept') ?? '').includes('application/json')

/** A failure in the shape of the request's protocol. */
export const sqsFailure = (error: SqsError, header: Header, requestId: string): SqsAnswer =>
  isJson(header) ? jsonFailure(error, requestId) : queryFailure(error, { requestId, asJson: wantsJson(header) })
