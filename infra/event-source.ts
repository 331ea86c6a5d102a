import type { IEventSource, IFunction } from 'aws-cdk-lib/aws-lambda'
import type { ConsumerProps } from './consumer.ts'
import type { DeclaredQueue } from './declared-queue.ts'

/** Has a queue consumed by the function to which this is added: `fn.addEventSource(new HoldfastEventSource(orders))`. */
export class HoldfastEventSource implements IEventSource {
  readonly queue: DeclaredQueue
  readonly props: ConsumerProps

  constructor(queue: DeclaredQueue, props: ConsumerProps = {}) {
    this.queue = queue
    this.props = props
  }

  bind(target: IFunction): void {
    this.queue.addConsumer(target, this.props)
  }
}
