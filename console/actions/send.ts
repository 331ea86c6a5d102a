import { ApiProblem, type ConsoleApi } from '../api.ts'
import { type Action, queueHref, type Screen } from '../context.ts'
import { failureScreen } from '../pages/problem.ts'
import { isJsonObject, jsonIn } from './json-field.ts'

/** A message as a form gives it; a text where a field is wrong. */
export const messageFrom = (form: URLSearchParams): Record<string, unknown> | string => {
  const attributes = (form.get('attributes') ?? '').trim()
  const parsed = attributes === '' ? {} : jsonIn(attributes)
  if (!isJsonObject(parsed)) return 'The attributes must be a JSON object, such as {"tenant": "a"}'
  const body = bodyFrom(form)
  if (body === undefined) return 'The body must be JSON'
  const text = (name: string) => (form.get(name) ?? '').trim()
  return {
    ...body,
    attributes: parsed,
    ...(text('delaySeconds') !== '' && { delaySeconds: Number(text('delaySeconds')) }),
    ...(text('groupId') !== '' && { groupId: text('groupId') }),
    ...(text('deduplicationId') !== '' && { deduplicationId: text('deduplicationId') }),
    ...(text('priority') !== '' && { priority: Number(text('priority')) }),
  }
}

/** `kind` says how the body is sent; without it, what reads as JSON is JSON. */
const bodyFrom = (form: URLSearchParams): Record<string, unknown> | undefined => {
  // Browsers send line ends as CR LF.
  const given = (form.get('body') ?? '').replaceAll('\r\n', '\n')
  const kind = form.get('kind')
  if (kind === 'base64') return { bodyBase64: given.replace(/\s/g, '') }
  if (kind === 'text') return { body: given }
  const json = jsonIn(given)
  if (kind === 'json') return json === undefined ? undefined : { body: json }
  return { body: json ?? given }
}

/** Publishes one message. @throws `ApiProblem`, also where the message alone was refused */
export const publishOne = async (api: ConsoleApi, queue: string, message: unknown): Promise<string> => {
  const [outcome] = (await api.publish(queue, message)).messages
  if (outcome?.ok) return outcome.messageId
  throw new ApiProblem(outcome?.error as unknown as ApiProblem['problem'])
}

export const wrongField = (text: string): Screen =>
  failureScreen(400, 'Not sent', text, 'Go back to correct it: the browser keeps what you wrote.')

export const sendAction: Action = async ({ api }, { params: { queue = '' } }, form) => {
  const message = messageFrom(form)
  if (typeof message === 'string') return wrongField(message)
  const messageId = await publishOne(api, queue, message)
  return { to: queueHref(queue, 'messages', messageId), told: 'The message is sent.' }
}
