import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GatewayRequest, gatewayEvent, matchRoute } from './api-gateway.ts'
import { startAwsServices } from './aws-services.ts'
import { LOCAL_CREDENTIALS } from './embedded.ts'
import { type IamGate, type Statement, startIamGate } from './iam-gate.ts'
import { type LoadedFunction, loadFunction } from './lambda-host.ts'
import { startReceiver } from './receiver.ts'
import { functionOf, type TemplateView } from './template.ts'

export interface Deployment {
  /** Sends a request through the template's own routes to the function that they name. */
  request(request: GatewayRequest): Promise<GatewayAnswer>
  /** Invokes a function by its name in `infra/functions.ts`. */
  invoke(name: string, event: unknown): Promise<unknown>
  /** Synchronous invocations of functions by other functions, in order. */
  readonly runs: readonly FunctionRun[]
  /** Whether a function's role allows an action on a resource of the template. */
  allows(name: string, action: string, resource: string): boolean
  /** Has every declared queue and trigger created, as CloudFormation would. Throws with the reasons of those that fail. */
  declareAll(): Promise<void>
  /** Everything that the functions have printed. */
  output(): string
  readonly gate: IamGate
  /** Runs the pending asynchronous invocations, as Lambda does sooner or later. */
  runAsked(): Promise<void>
  stop(): Promise<void>
}

interface FunctionRun {
  /** Logical id. */
  readonly id: string
  // biome-ignore lint/suspicious/noExplicitAny: events are as various as their sources.
  readonly event: any
  readonly answer: unknown
}

export interface GatewayAnswer {
  readonly function: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The text's value when it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are as various as the API.
  readonly body: any
}

export interface DeploymentParts {
  readonly view: TemplateView
  /** Where the assets are: the cloud assembly's folder. */
  readonly directory: string
  /** A DynamoDB engine with the table in it. */
  readonly endpoint: string
  readonly table: string
  /** What the secret of the SQS endpoint holds. */
  readonly secret?: () => string | undefined
}

interface LambdaAnswer {
  readonly statusCode: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** What API Gateway itself answers. */
const NOT_FOUND: GatewayAnswer = {
  function: 'none',
  status: 404,
  headers: {},
  text: '{"message":"Not Found"}',
  body: { message: 'Not Found' },
}

const REGION = 'us-east-1'
const ACCOUNT = '111122223333'

/**
 * Runs a synthesized template on this machine. Each function's bundle is loaded as Lambda loads it, with its environment
 * in the template and the rights of its role. Requests reach the function by the template's routes. Nothing exists that the
 * template does not declare.
 */
export const deploy = async ({
  view,
  directory,
  endpoint,
  table,
  secret = () => undefined,
}: DeploymentParts): Promise<Deployment> => {
  const gate = await startIamGate(endpoint)
  const resolve = resolver(view, table)
  const loaded = new Map<string, LoadedFunction>()
  const asked: { id: string; event: unknown }[] = []
  const runs: FunctionRun[] = []
  const services = await startAwsServices({
    secret,
    allows: (caller, action, resource) => allowsResource(view, caller, action, resource),
    invoked: (id, event) => void asked.push({ id, event }),
    run: async (id, event) => {
      const answer = await at(id).invoke(event)
      runs.push({ id, event, answer })
      return answer
    },
  })
  for (const [id, properties] of view.ofType('AWS::Lambda::Function')) {
    const name = functionOf(id)
    loaded.set(
      id,
      loadFunction({
        file: codeFile(directory, id, properties.Code),
        handler: properties.Handler,
        name: id,
        timeoutSeconds: properties.Timeout ?? 3,
        environment: {
          ...Object.fromEntries(
            Object.entries(properties.Environment?.Variables ?? {}).map(([key, value]) => [key, resolve(value)]),
          ),
          AWS_REGION: REGION,
          AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
          AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
          AWS_LAMBDA_FUNCTION_NAME: id,
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize ?? 128),
          AWS_ENDPOINT_URL_DYNAMODB: gate.endpointFor(name, policyOf(view, properties.Role['Fn::GetAtt'][0])),
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
          AWS_ENDPOINT_URL_LAMBDA: services.endpointFor(name),
          AWS_ENDPOINT_URL_SECRETS_MANAGER: services.endpointFor(name),
        },
      }),
    )
  }
  const at = (id: string): LoadedFunction => {
    const found = loaded.get(id)
    if (!found) throw new Error(`the template has no function ${id}`)
    return found
  }
  const idOf = (name: string): string => [...loaded.keys()].find((key) => functionOf(key) === name) ?? name
  const targets = routeTargets(view)
  return {
    gate,
    request: async (request) => {
      const { routeKey, parameters } = matchRoute([...targets.keys()], request)
      const id = targets.get(routeKey)
      if (id === undefined) return NOT_FOUND
      const event = gatewayEvent(request, { routeKey, parameters, account: ACCOUNT, region: REGION })
      const { statusCode, headers = {}, body: text = '' } = (await at(id).invoke(event)) as LambdaAnswer
      return { function: functionOf(id), status: statusCode, headers, text, body: text ? parsed(text) : undefined }
    },
    runs,
    allows: (name, action, resource) => allowsResource(view, name, action, resource),
    declareAll: () => declareAll(view, resolve, (request) => at(idOf('declare')).invoke(request)),
    invoke: (name, event) => at(idOf(name)).invoke(event),
    output: () => [...loaded.values()].map((each) => each.output()).join(''),
    runAsked: async () => {
      for (const { id, event } of asked.splice(0)) await at(id).invoke(event)
    },
    stop: async () => {
      await Promise.all([...loaded.values()].map((each) => each.stop()))
      await Promise.all([gate.stop(), services.stop()])
    },
  }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

/** Where a function's code is: an asset, or text of the template. */
const codeFile = (
  directory: string,
  id: string,
  code: { readonly S3Key?: string; readonly ZipFile?: string },
): string => {
  if (code.ZipFile === undefined) return join(directory, `asset.${String(code.S3Key).replace('.zip', '')}`, 'index.mjs')
  const file = join(directory, `${id}.cjs`)
  writeFileSync(file, code.ZipFile)
  return file
}

/** The statements of a role: its own, and those of the policies that are attached to it. */
const policyOf = <S = Statement>(view: TemplateView, roleId: string): S[] => [
  ...view
    .ofType('AWS::IAM::Role')
    .filter(([id]) => id === roleId)
    .flatMap(([, role]) => role.Policies?.[0].PolicyDocument.Statement ?? []),
  ...view
    .ofType('AWS::IAM::Policy')
    .filter(([, { Roles }]) => Roles.some(({ Ref }: { Ref?: string }) => Ref === roleId))
    .flatMap(([, { PolicyDocument }]) => PolicyDocument.Statement),
]

interface ResourceName {
  readonly 'Fn::GetAtt'?: readonly [string, string]
}
interface ResourceStatement {
  readonly Action: string | readonly string[]
  readonly Resource: ResourceName | readonly ResourceName[]
}

const allowsResource = (view: TemplateView, caller: string, action: string, resource: string): boolean =>
  view
    .ofType('AWS::IAM::Role')
    .filter(([id]) => functionOf(id) === caller)
    .flatMap(([id]) => policyOf<ResourceStatement>(view, id))
    .some(
      ({ Action, Resource }) =>
        [Action].flat().includes(action) &&
        [Resource].flat().some((one) => (one as ResourceName)['Fn::GetAtt']?.[0] === resource),
    )

/** Creates queues first, since each trigger depends on its queue. */
const declareAll = async (
  view: TemplateView,
  resolve: (value: unknown) => string,
  declare: (request: object) => Promise<unknown>,
): Promise<void> => {
  const outcomes: { Status: string; Reason?: string }[] = []
  const receiver = await startReceiver((body) => outcomes.push(JSON.parse(body)))
  try {
    for (const ResourceType of ['Custom::HoldfastQueue', 'Custom::HoldfastTrigger']) {
      for (const [LogicalResourceId, properties] of view.ofType(ResourceType)) {
        const resolved = Object.entries(properties).map(([name, value]) => [name, resolve(value)])
        const ResourceProperties = Object.fromEntries(resolved)
        const request = { ResponseURL: receiver.url, StackId: 'stack', RequestId: 'one', RequestType: 'Create' }
        await declare({ ...request, ResourceType, LogicalResourceId, ResourceProperties })
      }
    }
  } finally {
    await receiver.stop()
  }
  const failed = outcomes.filter(({ Status }) => Status !== 'SUCCESS')
  if (failed.length > 0) throw new Error(failed.map(({ Reason }) => Reason).join('\n'))
}

/** The function behind each route key. */
const routeTargets = (view: TemplateView): Map<string, string> => {
  const integrations = new Map(view.ofType('AWS::ApiGatewayV2::Integration'))
  return new Map(
    view.ofType('AWS::ApiGatewayV2::Route').map(([, { RouteKey, Target }]) => {
      const integration = integrations.get(Target['Fn::Join'][1][1].Ref)
      return [RouteKey, integration?.IntegrationUri['Fn::GetAtt'][0]]
    }),
  )
}

/** Resolves a value as CloudFormation does, as far as environments need it. */
const resolver = (view: TemplateView, table: string) => {
  const [[tableId] = ['']] = view.ofType('AWS::DynamoDB::Table')
  const names: Record<string, string> = { [tableId]: table, 'AWS::AccountId': ACCOUNT, 'AWS::Region': REGION }
  return (value: unknown): string => {
    if (typeof value === 'string') return value
    const { Ref, 'Fn::GetAtt': attribute } = value as { Ref?: string; 'Fn::GetAtt'?: [string, string] }
    if (Ref !== undefined) return names[Ref] ?? Ref
    if (attribute) return `arn:aws:test:${REGION}:${ACCOUNT}:${attribute[0]}`
    throw new Error(`the environment has a value of an unknown kind: ${JSON.stringify(value)}`)
  }
}

/** Reads a template out of a cloud assembly. */
export const templateIn = (directory: string, stack: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(directory, `${stack}.template.json`), 'utf8'))
