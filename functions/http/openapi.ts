import type * as z from 'zod/mini'
import { DEFAULT_FIFO, DEFAULT_SETTINGS } from '../../lib/model/queue-settings.ts'
import { problem } from './answers.ts'
import { describeFields, descriptionOf } from './describe-fields.ts'
import { EXAMPLES } from './examples.ts'
import { CODE_DESCRIPTIONS } from './field-descriptions.ts'
import { type Json, jsonSchema } from './json-schema.ts'
import { PROBLEM_CODES, PROBLEM_STATUSES } from './problem.ts'
import type { RouteShape } from './route-shape.ts'
import { PATH_PARAMETERS, routes } from './routes.ts'

/**
 * The OpenAPI 3.1 document of the HTTP API, made of the route table and its shapes. Served by the local server, and
 * kept in `docs/`; no Lambda carries it.
 */
export const openApiDocument = (): Json => {
  const { schemas, reference } = components()
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes as readonly RouteShape[]) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route, reference) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: '1',
      summary: 'A message queue on DynamoDB: publish, poll, ack',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: schemas(),
      securitySchemes: {
        iam: {
          type: 'apiKey',
          name: 'Authorization',
          in: 'header',
          description: 'Deployed, requests are signed with AWS Signature Version 4 for the service execute-api.',
        },
      },
    },
    security: [{ iam: [] }, {}],
  }
}

/** Schemas with an `id` are written once, under it, and referred to everywhere else. */
const components = () => {
  const named: Record<string, Json> = {}
  const reference = (shape: z.core.$ZodType, io: 'input' | 'output'): Json => {
    const { $defs = {}, ...schema } = jsonSchema(shape, io)
    for (const [name, definition] of Object.entries($defs)) named[name] = inComponents(definition)
    return inComponents(schema)
  }
  const schemas = () =>
    Object.fromEntries(
      Object.entries(named)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, schema]) => [name, COMPLETED[name]?.(described(schema, name)) ?? described(schema, name)]),
    )
  return { schemas, reference }
}

const described = (schema: Json, ...path: string[]): Json => describeFields(schema, path) as Json

/** A schema with more said of some of its fields. */
const withFields = (schema: Json, more: (name: string) => Json): Json => ({
  ...schema,
  properties: Object.fromEntries(
    Object.entries(schema.properties as Record<string, Json>).map(([name, field]) => [
      name,
      { ...field, ...more(name) },
    ]),
  ),
})

const defaultIn =
  (defaults: object) =>
  (name: string): Json =>
    name in defaults ? { default: (defaults as Json)[name] } : {}

/** Schemas that say more than their shapes: defaults of settings, and what each code means. */
const COMPLETED: Readonly<Record<string, (schema: Json) => Json>> = {
  NewQueue: (schema) =>
    withFields(withFields(schema, defaultIn(DEFAULT_SETTINGS)), (name) =>
      name === 'fifo'
        ? withFields((schema.properties as Record<string, Json>).fifo ?? {}, defaultIn(DEFAULT_FIFO))
        : {},
    ),
  Problem: (schema) =>
    withFields(schema, (name) =>
      name === 'code'
        ? {
            'x-codes': Object.entries(PROBLEM_CODES).map(([code, status]) => ({
              code,
              status,
              description: CODE_DESCRIPTIONS[code],
            })),
          }
        : {},
    ),
}

const inComponents = (schema: Json): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json

type Reference = ReturnType<typeof components>['reference']

const operation = (route: RouteShape, reference: Reference): Json => {
  const parameters = [
    ...pathParameters(route, reference),
    ...parametersIn('query', route, reference),
    ...parametersIn('header', route, reference),
  ]
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(route.request && {
      requestBody: {
        required: !route.request.safeParse({}).success,
        content: {
          'application/json': {
            schema: described(reference(route.request, 'input'), `${route.operation}!`),
            ...exampleOf(route, 'request'),
          },
        },
      },
    }),
    responses: { ...answers(route, reference), ...problems(reference) },
  }
}

const pathParameters = ({ path }: RouteShape, reference: Reference): Json[] =>
  [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: descriptionOf([name]),
    schema: reference(PATH_PARAMETERS[name as keyof typeof PATH_PARAMETERS], 'input'),
  }))

const parametersIn = (where: 'query' | 'header', route: RouteShape, reference: Reference): Json[] => {
  const shape: z.ZodMiniType | undefined = where === 'query' ? route.query : route.headers
  const { properties = {} } = shape ? (reference(shape, 'input') as { properties?: Json }) : {}
  return Object.entries(properties).map(([name, schema]) => {
    const { description = descriptionOf([`${route.operation}?`, name]), ...rest } = schema as Json
    return { name, in: where, required: false, description, schema: rest }
  })
}

const exampleOf = ({ operation }: RouteShape, side: 'request' | 'answer'): Json => {
  const example = EXAMPLES[operation]?.[side]
  return example === undefined ? {} : { example }
}

const TITLES: Readonly<Record<string, string>> = { 200: 'Done', 201: 'Created', 202: 'Accepted', 204: 'Done' }

const answers = (route: RouteShape, reference: Reference): Json =>
  Object.fromEntries(
    Object.entries(route.answers).map(([status, shape]) => [
      status,
      {
        description: TITLES[status] ?? status,
        ...(shape && {
          content: {
            'application/json': {
              schema: described(reference(shape, 'output'), route.operation),
              ...exampleOf(route, 'answer'),
            },
          },
        }),
      },
    ]),
  )

const problems = (reference: Reference): Json => {
  const content = { 'application/problem+json': { schema: reference(problem, 'output') } }
  const clientErrors = PROBLEM_STATUSES.filter((status) => status < 500).sort()
  return {
    '4XX': { description: `The request can't be served as it is: ${clientErrors.join(', ')}`, content },
    '5XX': { description: 'The request failed; `retryable` says whether to send it again', content },
  }
}
