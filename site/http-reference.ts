/** The page of the HTTP API, made from its OpenAPI document. */
interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly additionalProperties?: boolean | Schema
  readonly [bound: string]: unknown
}

interface Content {
  readonly schema: Schema
  readonly example?: unknown
}

interface Body {
  readonly content?: Readonly<Record<string, Content>>
}

interface Code {
  readonly code: string
  readonly status: number
  readonly description: string
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Body
  readonly responses: Readonly<Record<string, Body & { readonly description: string }>>
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** Text for a cell of a table. Outside code, VitePress would parse braces and angle brackets as markup, so they are escaped. */
const cell = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll('<', '&lt;').replaceAll('{', '&#123;')))
    .join('')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ')

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``

const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1)

const typeOf = (schema: Schema): string => {
  if (schema.$ref !== undefined) return `[${nameOf(schema.$ref)}](#${nameOf(schema.$ref).toLowerCase()})`
  if (schema.const !== undefined) return code(schema.const)
  if (schema.enum) return schema.enum.map(code).join(' or ')
  const either = schema.anyOf ?? schema.oneOf
  if (either) return [...new Set(either.map(typeOf))].join(' or ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    return `map of ${typeOf(schema.additionalProperties)}`
  }
  return [schema.type ?? 'any JSON value'].flat().join(' or ')
}

/** The bounds of a number, a text or a list: minimum, maximum, and unit. */
const BOUNDS = [
  ['minimum', 'maximum', ''],
  ['minLength', 'maxLength', ' characters'],
  ['minItems', 'maxItems', ' elements'],
] as const

const shown = (bound: unknown): string | undefined =>
  typeof bound === 'number' ? bound.toLocaleString('en-US') : undefined

const boundsOf = (schema: Schema): string[] =>
  BOUNDS.flatMap(([minimum, maximum, unit]) => {
    const from = shown(schema[minimum])
    const to = shown(schema[maximum])
    if (from === undefined && to === undefined) return []
    if (to === undefined) return [`At least ${from}${unit}.`]
    return [from === undefined || from === '0' ? `At most ${to}${unit}.` : `${from} to ${to}${unit}.`]
  })

const factsOf = (schema: Schema): string =>
  [
    schema.description && `${cell(schema.description).replace(/\.$/, '')}.`,
    ...boundsOf(schema),
    schema.default !== undefined && !schema.description?.includes('Default') && `Default ${code(schema.default)}.`,
    schema.examples?.length && `For example ${cell(schema.examples.map(code).join(', '))}.`,
  ]
    .filter(Boolean)
    .join(' ')

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

const fieldsOf = ({ properties = {}, required = [] }: Schema): string =>
  table(
    ['Field', 'Type', 'Required', 'Meaning'],
    Object.entries(properties).map(([name, schema]) => [
      code(name),
      typeOf(schema),
      required.includes(name) ? 'yes' : '',
      factsOf(schema),
    ]),
  )

const contentOf = (body: Body | undefined): Content | undefined => Object.values(body?.content ?? {})[0]

const exampleOf = (title: string, body: Body | undefined): string | false => {
  const example = contentOf(body)?.example
  return example !== undefined && `${title}\n\n\`\`\`json\n${JSON.stringify(example, null, 2)}\n\`\`\``
}

/** A body: the name of its schema, or the fields of a schema without a name. */
const bodyOf = (schema: Schema): string =>
  schema.properties && Object.keys(schema.properties).length > 0 ? fieldsOf(schema) : `${typeOf(schema)}.`

const operationOf = (method: string, path: string, operation: Operation): string => {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const requestSchema = contentOf(requestBody)?.schema
  const answers = Object.entries(responses).map(([status, response]) => {
    const schema = contentOf(response)?.schema
    return [status, cell(response.description), schema ? typeOf(schema) : '']
  })
  return [
    `## ${operationId}`,
    `\`${method.toUpperCase()} ${path}\``,
    `${cell(summary)}.`,
    description && cell(description),
    parameters.length > 0 &&
      table(
        ['Parameter', 'In', 'Type', 'Required', 'Meaning'],
        parameters.map(({ name, in: location, required, description: meaning, schema }) => [
          code(name),
          location,
          typeOf(schema),
          required ? 'yes' : '',
          factsOf(meaning === undefined ? schema : { ...schema, description: meaning }),
        ]),
      ),
    requestSchema && `Body: ${bodyOf(requestSchema)}`.replace('Body: |', 'Body:\n\n|'),
    exampleOf('Example of a request:', requestBody),
    table(['Status', 'When', 'Body'], answers),
    exampleOf('Example of an answer:', Object.values(responses)[0]),
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** The codes of problems, by which programs distinguish them. */
const codesOf = (problem: Schema | undefined): string => {
  const codes = (problem?.properties?.code?.['x-codes'] ?? []) as readonly Code[]
  const rows = codes.map(({ code: name, status, description }) => [code(name), String(status), cell(`${description}.`)])
  return `## Error codes\n\n${table(['Code', 'Status', 'Meaning'], rows)}`
}

const componentOf = (name: string, schema: Schema): string =>
  [`## ${name}`, factsOf(schema), schema.properties ? fieldsOf(schema) : `${typeOf(schema)}.`]
    .filter(Boolean)
    .join('\n\n')

/** Makes the page in Markdown: each operation, the error codes, then each schema. */
export const httpReference = ({ paths, components }: OpenApi): string =>
  [
    '# HTTP API',
    'This page is generated from the [OpenAPI document](/openapi.json){target="_self"}. Each server serves the document at `/openapi.json`.',
    ...Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => operationOf(method, path, operation)),
    ),
    codesOf(components.schemas.Problem),
    ...Object.entries(components.schemas).map(([name, schema]) => componentOf(name, schema)),
    '',
  ].join('\n\n')
