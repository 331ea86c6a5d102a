import { RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { Key } from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'
import { TABLE_SHAPE } from '../lib/store/keys.ts'
import type { Settings } from './settings.ts'

/** Capacity in use, percent, that a provisioned table scales to: above it, it grows. */
const TARGET_PERCENT = 70

/**
 * The one table that holds everything: queues, segments, bodies, FIFO tickets. No index, since an index would double
 * the cost of a write and lag behind it.
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
    // Both images, though new ones would do for most readers: records cost nothing until they are read, and the kind
    // of a stream can't be changed without cutting off whoever reads it.
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
  if (provisioned) scaleByItself(table, settings)
  return table
}

/** What becomes of things that hold data when the stack goes. */
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

const scaleByItself = (table: Table, settings: Settings): void => {
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
  if (units === undefined) throw new Error('a provisioned table needs its units: checkSettings has let this through')
  return units
}
