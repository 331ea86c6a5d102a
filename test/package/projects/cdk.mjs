import { readdirSync } from 'node:fs'
import { App, Stack } from 'aws-cdk-lib'
import { QueueService } from 'holdfast/cdk'

const app = new App({ outdir: 'cdk.out' })
const stack = new Stack(app, 'Shop')
const holdfast = new QueueService(stack, 'Holdfast')
const failed = holdfast.addQueue('orders-failed')
holdfast.addQueue('orders', { deadLetter: { queue: failed, maxReceives: 5 } })
const { stacks } = app.synth()
const resources = Object.values(stacks[0].template.Resources)
const functions = resources.filter(({ Type }) => Type === 'AWS::Lambda::Function').length
const assets = readdirSync('cdk.out').filter((name) => name.startsWith('asset.')).length
if (functions < 9 || assets < 8) throw new Error(`${functions} functions, ${assets} assets`)
console.log(`cdk: works, ${functions} functions, ${assets} assets`)
