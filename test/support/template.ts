import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code, type FunctionProps, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { QueueService, type QueueServiceProps } from '../../infra/queue-service.ts'

/** CDK context that leaves the functions' code unbuilt: enough to look at a template. */
export const UNBUNDLED = { 'aws:cdk:bundling-stacks': [] }

interface Resource {
  readonly Type: string
  // biome-ignore lint/suspicious/noExplicitAny: properties are as various as AWS.
  readonly Properties: Record<string, any>
}

/** A template, with look-ups for tests. */
export interface TemplateView {
  readonly template: Template
  ofType(type: string): [id: string, properties: Resource['Properties']][]
  one(type: string): Resource['Properties']
}

export const viewOf = (template: Template): TemplateView => {
  const resources = Object.entries(template.toJSON().Resources as Record<string, Resource>)
  const ofType = (type: string) =>
    resources
      .filter(([, resource]) => resource.Type === type)
      .map(([id, { Properties }]): [string, Resource['Properties']] => [id, Properties])
  return {
    template,
    ofType,
    one: (type) => {
      const found = ofType(type)
      if (found.length !== 1) throw new Error(`there are ${found.length} of ${type}`)
      return found[0]?.[1] ?? {}
    },
  }
}

/** A stack with one queue service, and what `more` adds to it. */
export const serviceTemplate = (
  props: QueueServiceProps = {},
  more: (service: QueueService, stack: Stack) => void = () => {},
): TemplateView => {
  const stack = new Stack(new App({ context: UNBUNDLED, builtinCloudFormationValidation: false }), 'Test')
  more(new QueueService(stack, 'Service', props), stack)
  return viewOf(Template.fromStack(stack))
}

/** A function of the user's, with code that is not run. */
export const someFunction = (stack: Stack, id: string, props: Partial<FunctionProps> = {}): LambdaFunction =>
  new LambdaFunction(stack, id, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('exports.handler = async () => {}'),
    ...props,
  })

/** The name of the function that a logical id belongs to, as `infra/functions.ts` calls it. */
export const functionOf = (logicalId: string): string => {
  const name = /^Service(.+?)(Function|Role|Log)[0-9A-F]{8}$/.exec(logicalId)?.[1] ?? logicalId
  return name.charAt(0).toLowerCase() + name.slice(1)
}
