import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { QueueService } from './queue-service.ts'
import { contextSettings } from './settings.ts'

/** One message queue service in a stack, with the settings of the CDK context. */
export class HoldfastStack extends Stack {
  readonly service: QueueService

  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, { description: 'Holdfast: a serverless message queue on DynamoDB and Lambda', ...props })
    this.service = new QueueService(this, 'Service', contextSettings(this.node))

    const { url, sqsEndpoint, sqsKeys, table, functions, dashboard } = this.service
    this.#output('ApiUrl', url, 'The native HTTP API')
    if (sqsEndpoint) this.#output('SqsEndpoint', sqsEndpoint, 'The endpoint to set for SQS in an AWS SDK')
    if (sqsKeys) this.#output('SqsKeysSecret', sqsKeys.ref, 'The secret for the access keys of SQS clients')
    this.#output('TableName', table.tableName, 'The table that holds everything')
    for (const [name, target] of Object.entries(functions)) {
      this.#output(`Function-${name}`, target.functionName, `The function ${name}`)
    }
    if (dashboard) this.#output('Dashboard', dashboard.dashboardName, 'The CloudWatch dashboard')
  }

  #output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description })
  }
}
