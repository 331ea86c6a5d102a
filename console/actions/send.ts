import { ApiProblem, type ConsoleApi } from '../api.ts'
import { type Action, queueHref, type Screen } from '../context.ts'
import { failureScreen } from '../pages/problem.ts'
import { isJsonObject, jsonIn } from './json-field.ts'

/** The message in a form, or a text that explains which field is wrong. */
export const messageFrom = (form: URLSearchParams): Record<string, unknown> | string => {
  const attributes = (form.get('attributes') ?? '').trim()
  const parsed = attributes === '' ? {} : jsonIn(attributes)
  if (!isJsonObject(parsed)) return 'The attributes must be a JSON object, such as {"tenant": "a"}'
  const body = bodyFrom(form)
  if (body === undefined) return 'The body must be valid JSON'
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

/** The form's `kind` decides how the body is sent. Without a `kind`, valid JSON is sent as JSON and any other text as text. */
const bodyFrom = (form: URLSearchParams): Record<string, unknown> | undefined => {
  // Browsers send each line break of a text area as CR LF.
  const given = (form.get('body') ?? '').replaceAll('\r\n', '\n')
  const kind = form.get('kind')
  if (kind === 'base64') return { bodyBase64: given.replace(/\s/g, '') }
  if (kind === 'text') return { body: given }
  const json = jsonIn(given)
  if (kind === 'json') return json === undefined ? undefined : { body: json }
  return { body: json ?? given }
}

/** Publishes one message, and resolves to its id. @throws `ApiProblem`, also when the API refuses only the message */
export const publishOne = async (api: ConsoleApi, queue: string, message: unknown): Promise<string> => {
  const [outcome] = (await api.publish(queue, message)).messages
  if (outcome?.ok) return outcome.messageId
  throw new ApiProblem(outcome?.error as unknown as ApiProblem['problem'])
}

export const wrongField = (text: string): Screen =>
  failureScreen(400, 'Not sent', text, 'Go back and correct the field: the browser keeps your text.')

export const sendAction: Action = async ({ api }, { params: { queue = '' } }, form) => {
  const message = messageFrom(form)
  if (typeof message === 'string') return wrongField(message)
  const messageId = await publishOne(api, queue, message)
  return { to: queueHref(queue, 'messages', messageId), notice: 'The message is sent.' }
}
