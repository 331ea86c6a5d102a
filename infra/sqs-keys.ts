import { Validations } from 'aws-cdk-lib'
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { Settings } from './settings.ts'
import { removalPolicy } from './table.ts'

/**
 * The secret with the access keys of SQS clients, without a value: a value in the template would overwrite the
 * operator's keys whenever the template changed. Until the operator puts keys in, the endpoint refuses every request.
 */
export const addSqsKeys = (scope: Construct, settings: Settings): CfnSecret => {
  const secret = new CfnSecret(scope, 'SqsKeys', { description: 'Holdfast: access keys of SQS clients' })
  secret.applyRemovalPolicy(removalPolicy(settings))
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason:
      'The operator issues and revokes the keys and hands them to clients, so no rotation could replace one unnoticed.',
  })
  return secret
}
