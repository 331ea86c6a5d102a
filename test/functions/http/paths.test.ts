import { beforeEach, describe, expect, test } from 'vitest'
import { type OperationId, type Route, routes } from '../../../functions/http/routes.ts'
import { type Api, apiOn, SURFACES } from './surfaces.ts'

const SEPARATORS = ['\\', '%5C', '%5c', '%2F', '%2f', '%255C', '%252F'] as const
const UPWARDS = ['..', '%2e%2e', '.%2E', '%252e%252e'] as const

/** Every way to write a path from below one resource of `mine` to `rest`, in one segment as it is sent. */
const traversals = (rest: string, levels: number): string[] =>
  SEPARATORS.flatMap((separator) =>
    UPWARDS.map((upward) => [...Array(levels).fill(upward), ...rest.split('/')].join(separator)),
  )

const BODIES: Readonly<Partial<Record<OperationId, unknown>>> = {
  createQueue: { delaySeconds: 9 },
  updateQueue: { delaySeconds: 9 },
  publishMessages: { messages: [{ body: 'theirs' }] },
  pollMessages: {},
  ackMessages: { receiptHandles: ['x'] },
  extendLeases: { receiptHandles: ['x'], visibilityTimeoutSeconds: 1 },
  nackMessages: { receiptHandles: ['x'] },
  unreceiveMessages: { receiptHandles: ['x'] },
  rescheduleMessage: { delaySeconds: 600 },
  startRedrive: {},
  undoRedrive: {},
  purgeQueue: {},
}

const withParameters = routes.filter(({ path }) => path.includes('{'))

describe.each(SURFACES)('paths over HTTP, %s', (_name, surface) => {
  let api: Api
  let messageId: string
  let before: unknown[]
  /** All there is to see of the other queue. */
  const other = async () => [
    (await api.send('GET', '/queues/other')).body,
    (await api.send('GET', '/queues/other/messages')).body,
    (await api.send('GET', '/queues/other/redrive')).body,
  ]

  beforeEach(async () => {
    api = apiOn(surface)
    await api.send('PUT', '/queues/mine', {})
    await api.send('PUT', '/queues/other', {})
    const { body } = await api.send('POST', '/queues/other/messages', { messages: [{ body: 'of the other' }] })
    messageId = body.messages[0].messageId
    before = await other()
  })

  const reaches = async (route: Route, path: string): Promise<void> => {
    const got = await api.send(route.method, path, BODIES[route.operation])
    expect(got.status, `${route.method} ${path}`).toBe(404)
    expect(JSON.stringify(got.body), path).not.toContain('of the other')
  }

  test.each(withParameters.map((route) => [`${route.method} ${route.path}`, route] as const))(
    'of one queue never reach another one: %s',
    async (_route, route) => {
      const inner = /\{(messageId|taskId)\}/.exec(route.path)?.[0]
      const from = inner ?? '{queue}'
      const target = route.path.replace('/queues/', '').replace('{queue}', 'other').replace('{messageId}', messageId)
      const spellings = inner
        ? [...traversals(target, 2), ...traversals(`queues/${target}`, 3)]
        : [...traversals('other', 1), ...traversals('queues/other', 2), ...traversals('x/other', 3)]
      for (const spelling of spellings) {
        const path = route.path.replace(from, () => (inner ? spelling : `mine/${spelling}`)).replace('{queue}', 'mine')
        await reaches(route, path)
        // The same, with the traversal in the place of the first parameter.
        if (!inner)
          await reaches(
            route,
            route.path.replace('{queue}', () => `mine${spelling}`),
          )
      }
      expect(await other()).toEqual(before)
    },
  )

  test.each([
    '/queues/other/',
    '/queues/other//',
    '/queues//other',
    '//queues/other',
    '/queues/other/.',
    '/queues/other/..',
    '/queues/./other',
    '/queues/x/../other',
    '/queues/other%2F',
    '/queues/other%5C',
    '/queues\\other',
    '/queues%2Fother%2F',
    '/queues/other/%2e',
    '/queues/other/messages/..',
    '/queues/other/messages/%2e%2e',
    '/queues/other/messages/.%2E/',
    '/queues/other/messages/..%2F',
    '/queues/other/messages/..%5C',
    '/queues/other/messages/%252e%252e',
    '/queues/other/messages/',
    '/queues/other/messages//',
    '/queues/other/%2e%2e/other',
    '/queues/other%23',
    '/queues/other%2500',
    '/queues/other%00',
    '/queues/other%09',
    '/queues/other%',
    '/queues/other%ff',
  ])('with a queue by another spelling delete nothing: %s', async (path) => {
    const got = await api.send('DELETE', path)
    expect(got).toMatchObject({
      status: 404,
      body: { code: expect.stringMatching(/^(RouteNotFound|MessageNotFound)$/), retryable: false },
    })
    expect(await other()).toEqual(before)
  })

  test('have a hint with the form of a path', async () => {
    expect((await api.send('GET', '/queues/other/')).body.hint).toContain('a slash at the end')
    expect((await api.send('GET', '/queue/other')).body.hint).toContain('/queues/{queue}')
    expect((await api.send('POST', '/queues/other', {})).body.hint).toBe(
      'Send one of PUT, GET, PATCH, DELETE, HEAD, OPTIONS.',
    )
  })

  test('may be percent-encoded where that changes nothing', async () => {
    expect((await api.send('GET', '/queues/%6Fther')).body.name).toBe('other')
  })
})
