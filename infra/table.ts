import { RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { Key } from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'
import { TABLE_SHAPE } from '../lib/store/keys.ts'
import type { Settings } from './settings.ts'

/** A provisioned table scales so that this percentage of its capacity is in use. */
const TARGET_PERCENT = 70

/**
 * The one table that holds everything: queues, segments, bodies, tickets. It has no index: an index would double the
 * cost of a write and lag behind it.
 */
export const addTable = (scope: Construct, settings: Settings): Table => {
  const provisioned = settings.billing === 'provisioned'
  const table = new Table(scope, 'Table', {
    partitionKey: { name: TABLE_SHAPE.partitionKey, type: AttributeType.STRING },
    sortKey: { name: TABLE_SHAPE.sortKey, type: AttributeType.STRING },
    timeToLiveAttribute: TABLE_SHAPE.timeToLive,
    deletionProtection: settings.deletionProtection,
    removalPolicy: removalPolicy(settings),
    pointInTimeRecoverySpecification: {
      pointInTimeRecoveryEnabled: settings.pointInTimeRecovery,
      ...(settings.pointInTimeRecovery && { recoveryPeriodInDays: settings.recoveryDays }),
    },
    // Both images, although most readers need only the new one: records cost nothing until they are read, and changing
    // the kind of a stream replaces it, which cuts off its readers.
    ...(settings.stream && { stream: StreamViewType.NEW_AND_OLD_IMAGES }),
    ...(settings.tableName !== undefined && { tableName: settings.tableName }),
    ...encryption(scope, settings),
    ...warmThroughput(settings),
    ...(provisioned
      ? {
          billingMode: BillingMode.PROVISIONED,
          readCapacity: required(settings.minimumReadUnits),
          writeCapacity: required(settings.minimumWriteUnits),
        }
      : {
          billingMode: BillingMode.PAY_PER_REQUEST,
          ...(settings.maximumReadUnits !== undefined && { maxReadRequestUnits: settings.maximumReadUnits }),
          ...(settings.maximumWriteUnits !== undefined && { maxWriteRequestUnits: settings.maximumWriteUnits }),
        }),
  })
  if (provisioned) scaleAutomatically(table, settings)
  return table
}

/** Whether resources that hold data are kept when the stack is deleted. */
export const removalPolicy = (settings: Settings): RemovalPolicy =>
  settings.removalPolicy === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY

const encryption = (scope: Construct, { encryptionKeyArn }: Settings) =>
  encryptionKeyArn === undefined
    ? { encryption: TableEncryption.DEFAULT }
    : {
        encryption: TableEncryption.CUSTOMER_MANAGED,
        encryptionKey: Key.fromKeyArn(scope, 'EncryptionKey', encryptionKeyArn),
      }

const warmThroughput = ({ warmReadUnits, warmWriteUnits }: Settings) =>
  warmReadUnits === undefined && warmWriteUnits === undefined
    ? {}
    : {
        warmThroughput: {
          ...(warmReadUnits !== undefined && { readUnitsPerSecond: warmReadUnits }),
          ...(warmWriteUnits !== undefined && { writeUnitsPerSecond: warmWriteUnits }),
        },
      }

const scaleAutomatically = (table: Table, settings: Settings): void => {
  table
    .autoScaleReadCapacity({
      minCapacity: required(settings.minimumReadUnits),
      maxCapacity: required(settings.maximumReadUnits),
    })
    .scaleOnUtilization({ targetUtilizationPercent: TARGET_PERCENT })
  table
    .autoScaleWriteCapacity({
      minCapacity: required(settings.minimumWriteUnits),
      maxCapacity: required(settings.maximumWriteUnits),
    })
    .scaleOnUtilization({ targetUtilizationPercent: TARGET_PERCENT })
}

const required = (units: number | undefined): number => {
  if (units === undefined)
    throw new Error('a provisioned table needs its units: checkSettings must refuse settings without them')
  return units
}
