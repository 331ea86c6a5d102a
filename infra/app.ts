import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { HoldfastStack } from './holdfast-stack.ts'

// No account and no region: one template fits all, and synthesis needs no access to AWS.
const app = new App()
Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
new HoldfastStack(app, app.node.tryGetContext('stackName') ?? 'Holdfast')
app.synth()
