import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Console } from '../../console/console.ts'
import type { AnswerBudget } from '../../lib/engine.ts'
import { POLL_HEADER } from '../../lib/transport/end-poll.ts'
import type { App } from '../http/app.ts'
import { noRoute } from '../http/no-route.ts'
import { decodedPath, isPlainPath, pathOf } from '../http/plain-path.ts'
import { HttpRefusal, problemResponse } from '../http/problem.ts'
import { isForSqs, refuseSqsRequest, type SqsEndpoint } from '../sqs/endpoint.ts'
import { SqsError } from '../sqs/errors.ts'
import { changesState } from '../sqs/model.ts'
import { UNKNOWN_OPERATION } from '../sqs/query-protocol.ts'
import type { CallerCheck } from './caller-check.ts'
import { isForConsole } from './console-door.ts'
import { endableRequests } from './endable-requests.ts'
import type { UsageLog } from './usage-log.ts'
import { serverFacts, welcome } from './welcome.ts'

export interface FrontDoorParts {
  readonly http: App
  readonly sqs: SqsEndpoint
  readonly check: CallerCheck
  /** Whether SQS clients must sign: a web page can't, so signed requests need no check of the caller's site. */
  readonly signed: boolean
  /** Whether the HTTP API, which has no signatures on this server, answers at all. */
  readonly httpOpen: boolean
  /** Builds the document at `/openapi.json`. */
  readonly openApi: () => unknown
  /** What a queue used, for `/usage`. */
  readonly usage: UsageLog['read']
  /** Answers below `/console`, where the HTTP API is open. */
  readonly console: Console
}

interface Arrival {
  /** Path and query as they were sent: a parser may have changed those in the request's URL. */
  readonly target: string
  /** Aborts when the caller has disconnected, or when the server stops and must answer now. */
  readonly signal: AbortSignal
  /** The client, where it is at the other end of a connection. */
  readonly sender?: Sender
  /** Where the answer is written, where there is a connection. */
  readonly outgoing?: ServerResponse
  /** Bounds the bytes of messages in answers. @default no bound */
  readonly answerBudget?: AnswerBudget | undefined
}

export interface Sender {
  /** Whether it has not sent all of its request. */
  isUnderWay(): boolean
  /** Calls `read` when all of the request has been read, with the bytes of it that did not come with its head. */
  whenRead(read: (bytes: number) => void): void
  /** Ends its connection. */
  cut(): void
}

export type FrontDoor = (request: Request, arrival: Arrival) => Response | Promise<Response>

/** Decides what each request to the local server's one port is for: the SQS endpoint, the HTTP API, or neither. */
export const frontDoor = (parts: FrontDoorParts): FrontDoor => {
  const forHttp = httpDoor(parts)
  return (request, arrival) => {
    if (isForConsole(arrival.target)) return answerOfConsole(parts, request)
    if (!isForSqs(request, arrival.target)) return forHttp(request, arrival)
    const refusal = parts.signed ? undefined : refusalOfUnsigned(parts.check, request)
    if (refusal !== undefined)
      return refuseSqsRequest(request, new SqsError('AccessDenied', `${refusal}.`), randomUUID())
    const isForm = isFormForHttp(request, arrival.target)
    if (isForm && !SQS_METHODS.includes(request.method)) return problemResponse(FORGOTTEN_TYPE, randomUUID())
    const { signal, answerBudget } = arrival
    const answer = parts.sqs(request, { signal, answerBudget })
    return isForm ? answer.then(orForgottenType) : answer
  }
}

const answerOfConsole = (
  { check, httpOpen, console }: FrontDoorParts,
  request: Request,
): Response | Promise<Response> => {
  const refusal = check(request.headers)
  if (refusal !== undefined) return refuse(refusal)
  return httpOpen ? console(request) : refuse(...CLOSED)
}

const refusalOfUnsigned = (check: CallerCheck, request: Request): string | undefined =>
  check(request.headers) ?? (isUnsignedChange(request) ? UNSIGNED_CHANGE : undefined)

/**
 * Whether a request may be a forgery of a web page. A page of any site can make a browser send a GET by showing an image,
 * and can suppress every header that names the page. The page can't add the header `Authorization`. It can add a
 * signature to the URL, which a server without `--auth` does not verify.
 */
const isUnsignedChange = ({ method, headers, url }: Request): boolean =>
  method === 'GET' && !headers.has('authorization') && changesState(new URL(url).searchParams.get('Action') ?? '')

const UNSIGNED_CHANGE =
  'a GET that changes something must have the header Authorization: send it as a POST, sign it in its headers, or start the server with --auth, which verifies signatures in the URL too'

/** Whether a form may be meant for the HTTP API: `curl -d` sends a form where the user names no content type. */
const isFormForHttp = ({ headers }: Request, target: string): boolean =>
  target.startsWith('/queues/') && (headers.get('content-type') ?? '').startsWith('application/x-www-form-urlencoded')

const SQS_METHODS: readonly string[] = ['GET', 'POST']

const orForgottenType = async (answer: Response): Promise<Response> => {
  if (answer.status !== 404) return answer
  const text = await answer.text()
  return text === UNKNOWN_OPERATION ? problemResponse(FORGOTTEN_TYPE, randomUUID()) : new Response(text, answer)
}

const FORGOTTEN_TYPE = new HttpRefusal('UnsupportedMediaType', 'content-type must be application/json', {
  value: 'application/x-www-form-urlencoded',
  hint: "Send JSON, and name its type: curl takes -H 'content-type: application/json' beside -d.",
})

const httpDoor = ({ http, check, httpOpen, openApi, usage }: FrontDoorParts): FrontDoor => {
  const polls = endableRequests()
  return (request, { target, signal, answerBudget }) => {
    const path = decodedPath(pathOf(target))
    if (request.method === 'GET' && path === '/health') return Response.json({ status: 'ok' })
    if (request.method === 'GET' && path === '/openapi.json') return Response.json(openApi())
    const refusal = check(request.headers)
    if (refusal !== undefined) return refuse(refusal)
    if (path === '/' && isVisit(request)) return welcome({ httpOpen })
    if (path === '/' && request.method === 'GET') return Response.json(serverFacts(httpOpen))
    if (!httpOpen) return refuse(...CLOSED)
    // URL parsers disagree about such a path, so no operation may act on it.
    if (!isPlainPath(path)) return noRoute(request.method, path, randomUUID())
    if (request.method === 'GET' && path === '/usage') return answerOfUsage(usage, request)
    const [, ended] = (request.method === 'DELETE' && POLL_PATH.exec(path)) || []
    if (ended !== undefined) return Response.json({ ended: polls.end(ended) })
    return polls.answer(request.headers.get(POLL_HEADER), signal, (ending) =>
      http.fetch(request, { path, signal: ending, answerBudget }),
    )
  }
}

const A_DAY = 86_400

/** Not of the HTTP API: a deployed function knows its own requests alone, and writes them into its log. */
const answerOfUsage = (usage: UsageLog['read'], request: Request): Response => {
  const { searchParams } = new URL(request.url)
  return Response.json(usage(searchParams.get('queue') ?? '', Number(searchParams.get('seconds')) || A_DAY))
}

/** The path by which a client ends one of its polls. The deployed API has no such route: one function can't end another's request. */
const POLL_PATH = /^\/polls\/([0-9a-f-]{36})$/

/** Whether a person opened the address in a browser. */
const isVisit = ({ method, headers }: Request): boolean =>
  (method === 'GET' || method === 'HEAD') && (headers.get('accept') ?? '').includes('text/html')

const CLOSED = [
  'the HTTP API and the console are closed, because --auth admits only SQS requests that are signed',
  'Start the server with --http-open to open them to everyone who can reach it.',
] as const

const refuse = (reason: string, hint?: string): Response =>
  problemResponse(new HttpRefusal('CallerRefused', reason, hint === undefined ? {} : { hint }), randomUUID())
