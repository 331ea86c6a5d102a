import { invalidParameter } from './errors.ts'
import { attributeOf } from './message-attributes.ts'
import type { AttributeValue } from './model.ts'

/** The value of `AWSTraceHeader`, the only system attribute that can be sent. @throws `InvalidParameterValue` */
export const readTraceHeader = (given: Readonly<Record<string, AttributeValue>> = {}): string | undefined => {
  for (const [name, value] of Object.entries(given)) {
    if (name !== 'AWSTraceHeader') {
      throw invalidParameter(
        `Message system attribute name '${name.slice(0, 256)}' is invalid. You can use only 'AWSTraceHeader'.`,
      )
    }
    const attribute = attributeOf(name, value, 'system')
    if (attribute.dataType !== 'String' || typeof attribute.value !== 'string') {
      throw invalidParameter("The type of message (system) attribute 'AWSTraceHeader' must be String.")
    }
    return attribute.value
  }
  return undefined
}

/**
 * The trace header of an HTTP request, if the sender set it. Load balancers and gateways add one with a root alone to
 * every request.
 */
export const senderTraceHeader = (header: string | undefined): string | undefined =>
  header && /^[\x20-\x7e]{1,500}$/.test(header) && !/^(Self=[^;]*;)?Root=[^;]*$/.test(header) ? header : undefined
