import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import {
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
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { routes } from '../functions/http/routes.ts'
import type { Settings } from './settings.ts'

export type RoutedFunction = (typeof routes)[number]['function']

export interface HttpApiParts {
  readonly functions: Readonly<Record<RoutedFunction, IFunction>>
  /** Answers every request that no native route takes. */
  readonly sqs: IFunction | undefined
  readonly settings: Settings
}

/** The HTTP API: one route for each line of `functions/http/routes.ts`, and all the rest to the SQS endpoint. */
export const addHttpApi = (scope: Construct, { functions, sqs, settings }: HttpApiParts): HttpApi => {
  const api = new HttpApi(scope, 'Api', {
    description: 'Holdfast message queues',
    createDefaultStage: false,
    ...(settings.corsOrigins && { corsPreflight: cors(settings.corsOrigins) }),
  })
  addStage(scope, api, settings)
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
  if (sqs) addSqsRoute(scope, api, integrationOf('sqs', sqs))
  return api
}

/**
 * SQS clients post to `/`, to a queue URL's own path, or to any other, so the endpoint takes what is left over.
 * IAM can't authorize it: API Gateway checks signatures for `execute-api` only, and these are made for `sqs`.
 */
const addSqsRoute = (scope: Construct, api: HttpApi, integration: HttpLambdaIntegration): void => {
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
}

const addStage = (scope: Construct, api: HttpApi, settings: Settings): void => {
  const { requestsPerSecond, requestBurst } = settings
  const log = new LogGroup(scope, 'AccessLog', {
    retention: settings.logRetentionDays as RetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  })
  new HttpStage(scope, 'Stage', {
    httpApi: api,
    stageName: '$default',
    autoDeploy: true,
    accessLogSettings: {
      destination: new LogGroupLogDestination(log),
      format: AccessLogFormat.custom(ACCESS_LOG_LINE),
    },
    ...((requestsPerSecond !== undefined || requestBurst !== undefined) && {
      throttle: {
        ...(requestsPerSecond !== undefined && { rateLimit: requestsPerSecond }),
        ...(requestBurst !== undefined && { burstLimit: requestBurst }),
      },
    }),
  })
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

/** ARN of a route for `execute-api:Invoke`; `queue` narrows it to one queue. */
export const routeArn = (api: HttpApi, method: string, path: string, queue = '*'): string =>
  Stack.of(api).formatArn({
    service: 'execute-api',
    resource: api.apiId,
    // The stage stays open: this API has but one.
    resourceName: `*/${method}${path.replace('{queue}', queue).replaceAll(/\{[^}]+\}/g, '*')}`,
  })
