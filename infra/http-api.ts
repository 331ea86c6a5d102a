import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import {
  type CfnStage,
  CorsHttpMethod,
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  type IHttpRouteAuthorizer,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { routes } from '../functions/http/routes.ts'
import { checkGrant } from './grants.ts'
import type { Settings } from './settings.ts'

export type RoutedFunction = (typeof routes)[number]['function']

export interface HttpApiParts {
  readonly functions: Readonly<Record<RoutedFunction, IFunction>>
  /** Answers every request that no native route takes. */
  readonly sqs: IFunction | undefined
  readonly settings: Settings
}

/** The HTTP API: one route for each entry of `functions/http/routes.ts`; the SQS endpoint takes all other requests. */
export const addHttpApi = (
  scope: Construct,
  { functions, sqs, settings }: HttpApiParts,
): { readonly api: HttpApi; readonly stage: HttpStage } => {
  const api = new HttpApi(scope, 'Api', {
    description: 'Holdfast message queues',
    createDefaultStage: false,
    ...(settings.corsOrigins && { corsPreflight: cors(settings.corsOrigins) }),
  })
  const integrations = new Map<IFunction, HttpLambdaIntegration>()
  const integrationOf = (name: string, target: IFunction): HttpLambdaIntegration => {
    const integration = integrations.get(target) ?? new HttpLambdaIntegration(name, target)
    integrations.set(target, integration)
    return integration
  }
  const authorizer: IHttpRouteAuthorizer =
    settings.authorization === 'iam' ? new HttpIamAuthorizer() : new HttpNoneAuthorizer()
  for (const { method, path, function: name } of routes) {
    const route = new HttpRoute(scope, `${method} ${path.replaceAll('/', ' ')}`, {
      httpApi: api,
      routeKey: HttpRouteKey.with(path, HttpMethod[method]),
      integration: integrationOf(name, functions[name]),
      authorizer,
    })
    if (settings.authorization === 'none') {
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason: 'The operator has chosen an open API with the setting authorization=none.',
      })
    }
  }
  const sqsRoute = sqs && addSqsRoute(scope, api, integrationOf('sqs', sqs))
  return { api, stage: addStage(scope, api, settings, sqsRoute) }
}

/**
 * SQS clients post to `/`, to the path of a queue URL, or to any other, so the endpoint takes what no other route takes.
 * IAM can't authorize it: API Gateway checks signatures for `execute-api` only, and these are made for `sqs`.
 */
const addSqsRoute = (scope: Construct, api: HttpApi, integration: HttpLambdaIntegration): HttpRoute => {
  const route = new HttpRoute(scope, 'SqsRoute', {
    httpApi: api,
    routeKey: HttpRouteKey.DEFAULT,
    integration,
    authorizer: new HttpNoneAuthorizer(),
  })
  Validations.of(route).acknowledge({
    id: 'AwsSolutions-APIG4',
    reason:
      'The function verifies the SigV4 signature itself: SQS clients sign for the service sqs, which API Gateway refuses.',
  })
  return route
}

const addStage = (scope: Construct, api: HttpApi, settings: Settings, sqsRoute: HttpRoute | undefined): HttpStage => {
  const { rateLimit, burstLimit } = stageThrottle(settings)
  const log = new LogGroup(scope, 'AccessLog', {
    retention: settings.logRetentionDays as RetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  })
  const stage = new HttpStage(scope, 'Stage', {
    httpApi: api,
    stageName: '$default',
    autoDeploy: true,
    accessLogSettings: {
      destination: new LogGroupLogDestination(log),
      format: AccessLogFormat.custom(ACCESS_LOG_LINE),
    },
    ...((rateLimit !== undefined || burstLimit !== undefined) && {
      throttle: { ...(rateLimit !== undefined && { rateLimit }), ...(burstLimit !== undefined && { burstLimit }) },
    }),
  })
  if (sqsRoute) throttleRoute(stage, sqsRoute, sqsThrottle(settings))
  return stage
}

/** The default limits of a route that anyone can call: requests a second, and concurrent requests. */
const PUBLIC_RATE = 500
const PUBLIC_BURST = 1_000

interface Throttle {
  readonly rateLimit: number | undefined
  readonly burstLimit: number | undefined
}

const stageThrottle = ({ authorization, requestsPerSecond, requestBurst }: Settings): Throttle =>
  authorization === 'none'
    ? { rateLimit: requestsPerSecond ?? PUBLIC_RATE, burstLimit: requestBurst ?? PUBLIC_BURST }
    : { rateLimit: requestsPerSecond, burstLimit: requestBurst }

/** A route's own limits replace those of the stage, so the default for the SQS route is never above the stage's. */
const sqsThrottle = (settings: Settings): Required<{ [K in keyof Throttle]: number }> => ({
  rateLimit: settings.sqsRequestsPerSecond ?? Math.min(PUBLIC_RATE, settings.requestsPerSecond ?? PUBLIC_RATE),
  burstLimit: settings.sqsRequestBurst ?? Math.min(PUBLIC_BURST, settings.requestBurst ?? PUBLIC_BURST),
})

const throttleRoute = (stage: HttpStage, route: HttpRoute, { rateLimit, burstLimit }: Throttle): void => {
  const resource = stage.node.defaultChild as CfnStage
  resource.routeSettings = {
    [HttpRouteKey.DEFAULT.key]: { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit },
  }
  // API Gateway refuses settings of a route that does not exist yet.
  resource.node.addDependency(route)
}

const ACCESS_LOG_LINE = JSON.stringify({
  time: '$context.requestTime',
  requestId: '$context.requestId',
  routeKey: '$context.routeKey',
  path: '$context.path',
  status: '$context.status',
  responseLength: '$context.responseLength',
  latencyMs: '$context.responseLatency',
  integrationLatencyMs: '$context.integrationLatency',
  integrationError: '$context.integrationErrorMessage',
  authorizerError: '$context.authorizer.error',
  sourceIp: '$context.identity.sourceIp',
  callerArn: '$context.identity.userArn',
})

const cors = (origins: readonly string[]) => ({
  allowOrigins: [...origins],
  allowMethods: [CorsHttpMethod.ANY],
  allowHeaders: ['*'],
})

/** Lets a role call the routes of one queue that `functions` answer. */
export const grantRoutes = (
  api: HttpApi,
  queue: string,
  grantee: IGrantable,
  functions: readonly RoutedFunction[],
): Grant => {
  checkGrant(grantee, queue)
  const granted = routes.filter((route) => functions.includes(route.function) && route.path.includes('{queue}'))
  if (granted.length === 0) throw new Error(`the grant on queue ${queue} must name a function, such as 'publish'`)
  return Grant.addToPrincipal({
    grantee,
    actions: ['execute-api:Invoke'],
    resourceArns: granted.map(({ method, path }) => routeArn(api, method, path, queue)),
  })
}

/** ARN of a route for `execute-api:Invoke`, for one queue. */
const routeArn = (api: HttpApi, method: string, path: string, queue: string): string =>
  Stack.of(api).formatArn({
    service: 'execute-api',
    resource: api.apiId,
    // Any stage: this API has only one.
    resourceName: `*/${method}${path.replace('{queue}', queue).replaceAll(/\{[^}]+\}/g, '*')}`,
  })
