import { describe, expect, test } from 'vitest'
import { BASE, failureOf, REQUEST_ID, scopedTo, sqsHarness } from './harness.ts'

const XML = '<?xml version="1.0"?>'
const NS = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"'
const METADATA = `<ResponseMetadata><RequestId>${REQUEST_ID}</RequestId></ResponseMetadata>`

describe('the JSON protocol', () => {
  test('answers with its content type, the request id, and no key for what is empty', async () => {
    const sqs = sqsHarness()
    const { status, headers, body } = await sqs.json('ListQueues')
    expect({ status, body }).toEqual({ status: 200, body: {} })
    expect(headers.get('content-type')).toBe('application/x-amz-json-1.0')
    expect(headers.get('x-amzn-requestid')).toBe(REQUEST_ID)
  })

  test('answers empty results without their keys', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect((await sqs.json('ReceiveMessage', { QueueUrl })).body).toEqual({})
    expect((await sqs.json('ListQueueTags', { QueueUrl })).body).toEqual({})
    expect((await sqs.json('GetQueueAttributes', { QueueUrl })).body).toEqual({})
    const batch = await sqs.json('SendMessageBatch', { QueueUrl, Entries: [{ Id: 'a', MessageBody: 'x' }] })
    expect(Object.keys(batch.body)).toEqual(['Successful'])
  })

  test('names an error by its shape in the body and by its legacy code in a header', async () => {
    const sqs = sqsHarness()
    const answer = await sqs.json('GetQueueUrl', { QueueName: 'missing' })
    expect(answer.body).toEqual({
      __type: 'com.amazonaws.sqs#QueueDoesNotExist',
      message: 'The specified queue does not exist.',
    })
    expect(answer.headers.get('x-amzn-query-error')).toBe('AWS.SimpleQueueService.NonExistentQueue;Sender')
    expect(answer.status).toBe(400)
  })

  test('takes requests at any path, the queue URL among them', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    for (const url of [QueueUrl, `${BASE}/some/where/else`]) {
      expect((await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' }, { url })).status).toBe(200)
    }
    expect((await sqs.json('SendMessage', { MessageBody: 'x' }, { url: QueueUrl })).status).toBe(200)
  })

  test.each([
    ['{', 'The request body is not valid JSON.'],
    ['[]', 'ARRAY_VALUE can not be converted to a Structure'],
    ['"x"', 'STRING_VALUE can not be converted to a Structure'],
    ['{"QueueUrl":7}', 'NUMBER_VALUE can not be converted to a String'],
    ['{"QueueUrl":"u","MaxNumberOfMessages":"1"}', 'STRING_VALUE can not be converted to an Integer'],
    ['{"QueueUrl":"u","MaxNumberOfMessages":1.5}', 'NUMBER_VALUE can not be converted to an Integer'],
    ['{"QueueUrl":"u","AttributeNames":"All"}', 'STRING_VALUE can not be converted to a List'],
    ['{"QueueUrl":"u","AttributeNames":[null]}', 'NULL_VALUE can not be converted to a list member'],
  ])('refuses the body %s', async (body, message) => {
    const sqs = sqsHarness()
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ReceiveMessage' }
    const response = await sqs.fetch(new Request(BASE, { method: 'POST', headers, body }))
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ __type: 'com.amazonaws.sqs#SerializationException', message })
  })

  test('refuses unknown and missing actions', async () => {
    const sqs = sqsHarness()
    expect(failureOf(await sqs.json('Nonsense'))).toEqual({
      status: 400,
      shape: 'InvalidAction',
      code: 'InvalidAction;Sender',
      message: 'The action Nonsense is not valid for this endpoint.',
    })
    expect(failureOf(await sqs.json('constructor')).shape).toBe('InvalidAction')
    const headers = { 'content-type': 'application/x-amz-json-1.0' }
    const response = await sqs.fetch(new Request(BASE, { method: 'POST', headers, body: '{}' }))
    expect(await response.json()).toMatchObject({ __type: 'com.amazonaws.sqs#MissingAction' })
  })

  test('refuses what is larger than any request can be', async () => {
    const sqs = sqsHarness()
    const answer = await sqs.json('SendMessage', { MessageBody: 'x'.repeat(9_000_000) })
    expect(failureOf(answer)).toMatchObject({ status: 413, shape: 'RequestEntityTooLarge' })
  })
})

describe('the query protocol', () => {
  test('answers in XML with the names of SQS', async () => {
    const sqs = sqsHarness()
    const { status, headers, xml } = await sqs.query({ Action: 'CreateQueue', QueueName: 'orders' })
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/xml')
    expect(xml).toBe(
      `${XML}<CreateQueueResponse ${NS}><CreateQueueResult><QueueUrl>${BASE}/000000000000/orders</QueueUrl></CreateQueueResult>${METADATA}</CreateQueueResponse>`,
    )
  })

  test('answers nothing but metadata where there is no result', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const { xml } = await sqs.query({ Action: 'PurgeQueue', QueueUrl })
    expect(xml).toBe(`${XML}<PurgeQueueResponse ${NS}>${METADATA}</PurgeQueueResponse>`)
  })

  test('words a missing queue as it always has', async () => {
    const sqs = sqsHarness()
    const { status, xml } = await sqs.query({ Action: 'GetQueueUrl', QueueName: 'missing' })
    expect(status).toBe(400)
    expect(xml).toBe(
      `${XML}<ErrorResponse ${NS}><Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist for this wsdl version.</Message><Detail/></Error><RequestId>${REQUEST_ID}</RequestId></ErrorResponse>`,
    )
  })

  test('reads numbered lists and maps, and takes the queue from the path', async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders')
    const sent = await sqs.query(
      {
        Action: 'SendMessageBatch',
        'SendMessageBatchRequestEntry.1.Id': 'one',
        'SendMessageBatchRequestEntry.1.MessageBody': 'first',
        'SendMessageBatchRequestEntry.1.MessageAttribute.1.Name': 'colour',
        'SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType': 'String',
        'SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue': 'red',
        'SendMessageBatchRequestEntry.10.Id': 'ten',
        'SendMessageBatchRequestEntry.10.MessageBody': 'third',
        'SendMessageBatchRequestEntry.2.Id': 'two',
        'SendMessageBatchRequestEntry.2.MessageBody': 'second',
      },
      { url },
    )
    expect([...sent.xml.matchAll(/<Id>(\w+)<\/Id>/g)].map(([, id]) => id)).toEqual(['one', 'two', 'ten'])
    const received = await sqs.query(
      {
        Action: 'ReceiveMessage',
        MaxNumberOfMessages: '10',
        'MessageAttributeName.1': 'All',
        'AttributeName.1': 'ApproximateReceiveCount',
      },
      { url },
    )
    expect([...received.xml.matchAll(/<Body>(\w+)<\/Body>/g)].map(([, body]) => body)).toEqual([
      'first',
      'second',
      'third',
    ])
    expect(received.xml).toContain(
      '<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute><MD5OfMessageAttributes>',
    )
    expect(received.xml).toContain(
      '<MessageAttribute><Name>colour</Name><Value><DataType>String</DataType><StringValue>red</StringValue></Value></MessageAttribute>',
    )
  })

  test('reads attributes that old clients sent without numbers', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.query({
      Action: 'SetQueueAttributes',
      QueueUrl,
      'Attribute.Name': 'DelaySeconds',
      'Attribute.Value': '7',
    })
    const { xml } = await sqs.query({ Action: 'GetQueueAttributes', QueueUrl, AttributeName: 'DelaySeconds' })
    expect(xml).toContain('<Attribute><Name>DelaySeconds</Name><Value>7</Value></Attribute>')
  })

  test('a queue URL in the body takes precedence over the path', async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders')
    const QueueUrl = await sqs.queue('others')
    await sqs.query({ Action: 'SendMessage', MessageBody: 'x', QueueUrl }, { url })
    expect((await sqs.json('ReceiveMessage', { QueueUrl })).body.Messages).toHaveLength(1)
  })

  test('escapes values, and keeps carriage returns', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    await sqs.query({ Action: 'SendMessage', QueueUrl, MessageBody: '<a b="c">&\r\n</a>' })
    const { xml } = await sqs.query({ Action: 'ReceiveMessage', QueueUrl })
    expect(xml).toContain('<Body>&lt;a b=&quot;c&quot;&gt;&amp;&#xD;\n&lt;/a&gt;</Body>')
  })

  test('works by GET on a queue URL, and wraps the answer in JSON on request', async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders')
    const sent = await sqs.fetch(new Request(`${url}?Action=SendMessage&MessageBody=hello+you`))
    expect(sent.status).toBe(200)
  })

  test('closes a result with nothing in it at once', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect((await sqs.query({ Action: 'ReceiveMessage', QueueUrl })).xml).toBe(
      `${XML}<ReceiveMessageResponse ${NS}><ReceiveMessageResult/>${METADATA}</ReceiveMessageResponse>`,
    )
  })

  test('refuses actions of the account on a queue URL, unknown actions, and requests without one', async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders')
    for (const Action of ['ListQueues', 'CreateQueue']) {
      expect((await sqs.query({ Action, QueueName: 'x' }, { url })).xml).toContain('<Code>InvalidAction</Code>')
    }
    expect((await sqs.query({ Action: 'Nonsense' })).xml).toContain('<Code>InvalidAction</Code>')
    const bare = await sqs.fetch(new Request(`${BASE}/favicon.ico`))
    expect({ status: bare.status, text: await bare.text() }).toEqual({
      status: 404,
      text: '<UnknownOperationException/>\n',
    })
    const put = await sqs.fetch(new Request(`${BASE}/?Action=ListQueues`, { method: 'PUT' }))
    expect(put.status).toBe(400)
  })

  test('refuses values that are not what they should be', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    const { status, xml } = await sqs.query({ Action: 'ReceiveMessage', QueueUrl, MaxNumberOfMessages: 'two' })
    expect(status).toBe(400)
    expect(xml).toContain('<Message>The value of MaxNumberOfMessages is not an integer.</Message>')
  })
})

describe('the query protocol with Accept: application/json', () => {
  const withQueue = async () => {
    const sqs = sqsHarness()
    const url = await sqs.queue('orders')
    const ask = async (query: string, at = url) => {
      const response = await sqs.fetch(new Request(`${at}?${query}`, { headers: { accept: 'application/json' } }))
      return { status: response.status, type: response.headers.get('content-type'), body: await response.json() }
    }
    const result = async (action: string, query = '', at = url) => {
      const answer = await ask(`Action=${action}&${query}`, at)
      expect(answer).toMatchObject({ status: 200, type: 'application/json' })
      const { [`${action}Result`]: content, ...rest } = (answer.body as Record<string, Record<string, unknown>>)[
        `${action}Response`
      ] as Record<string, unknown>
      expect(rest).toEqual({ ResponseMetadata: { RequestId: REQUEST_ID } })
      return content
    }
    return { sqs, url, ask, result }
  }

  test('names the lists of messages and queues with a small first letter', async () => {
    const { url, result } = await withQueue()
    expect(await result('ReceiveMessage')).toEqual({ messages: null })
    expect(await result('ListQueues', '', `${BASE}/`)).toEqual({ queueUrls: [url], NextToken: null })
    expect(await result('ListQueues', 'QueueNamePrefix=none', `${BASE}/`)).toEqual({ queueUrls: null, NextToken: null })
    expect(await result('ListDeadLetterSourceQueues')).toEqual({ queueUrls: [], NextToken: null })
  })

  test('gives all other members their own names, and null where they are absent', async () => {
    const { result } = await withQueue()
    expect(await result('SendMessage', 'MessageBody=hello')).toEqual({
      MD5OfMessageAttributes: null,
      MD5OfMessageBody: '5d41402abc4b2a76b9719d911017c592',
      MD5OfMessageSystemAttributes: null,
      MessageId: expect.any(String),
      SequenceNumber: null,
    })
    expect(await result('ReceiveMessage')).toEqual({
      messages: [
        {
          Attributes: null,
          Body: 'hello',
          MD5OfBody: '5d41402abc4b2a76b9719d911017c592',
          MD5OfMessageAttributes: null,
          MessageAttributes: null,
          MessageId: expect.any(String),
          ReceiptHandle: expect.any(String),
        },
      ],
    })
    expect(await result('DeleteMessageBatch', 'DeleteMessageBatchRequestEntry.1.Id=a')).toEqual({
      Successful: null,
      Failed: [
        {
          Id: 'a',
          SenderFault: true,
          Code: 'MissingParameter',
          Message: 'The request must contain the parameter ReceiptHandle.',
        },
      ],
    })
    expect(await result('ListQueueTags')).toEqual({ Tags: null })
  })

  test('gives maps entry by entry, as in XML', async () => {
    const { result } = await withQueue()
    await result(
      'SendMessage',
      'MessageBody=x&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v',
    )
    expect(await result('ReceiveMessage', 'MessageAttributeName=All&AttributeName=SenderId')).toMatchObject({
      messages: [
        {
          Attributes: [{ Name: 'SenderId', Value: '000000000000' }],
          MessageAttributes: [{ Name: 'a', Value: { DataType: 'String', StringValue: 'v', BinaryValue: null } }],
        },
      ],
    })
    expect(await result('GetQueueAttributes', 'AttributeName=DelaySeconds')).toEqual({
      Attributes: [{ Name: 'DelaySeconds', Value: '0' }],
    })
  })

  test('has no result where the action has none', async () => {
    const { result } = await withQueue()
    expect(await result('PurgeQueue')).toBeUndefined()
  })

  test('gives errors as JSON too', async () => {
    const { ask } = await withQueue()
    expect(await ask('Action=ReceiveMessage&MaxNumberOfMessages=11')).toEqual({
      status: 400,
      type: 'application/json',
      body: {
        Error: {
          Code: 'InvalidParameterValue',
          Message:
            'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.',
          Type: 'Sender',
        },
        RequestId: REQUEST_ID,
      },
    })
  })
})

describe('queue URLs', () => {
  test.each([
    [{}, BASE],
    [{ host: 'queues.example.com:8080' }, 'http://queues.example.com:8080'],
    [{ 'x-forwarded-proto': 'https', host: 'api.example.com' }, 'https://api.example.com'],
    [{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'sqs.example.com, inner' }, 'https://sqs.example.com'],
    [
      { 'x-forwarded-host': 'sqs.example.com', 'x-forwarded-port': '8443', 'x-forwarded-proto': 'https' },
      'https://sqs.example.com:8443',
    ],
    [{ host: 'evil.example.com/path?x=' }, BASE],
  ])('lead back to where the caller came from: %j', async (headers, origin) => {
    const sqs = sqsHarness()
    const { body } = await sqs.json('CreateQueue', { QueueName: 'orders' }, { headers })
    expect(body.QueueUrl).toBe(`${origin}/000000000000/orders`)
  })

  test('start with the public URL when there is one', async () => {
    const sqs = sqsHarness({ publicUrl: 'https://queues.example.com/base/' })
    expect(await sqs.queue('orders')).toBe('https://queues.example.com/base/000000000000/orders')
  })

  test('count by their last two parts, whatever their host', async () => {
    const sqs = sqsHarness()
    await sqs.queue('orders')
    const QueueUrl = 'https://sqs.us-east-1.amazonaws.com/000000000000/orders'
    expect((await sqs.json('SendMessage', { QueueUrl, MessageBody: 'x' })).status).toBe(200)
    expect(failureOf(await sqs.json('SendMessage', { QueueUrl: 'http://orders', MessageBody: 'x' }))).toEqual({
      status: 400,
      shape: 'QueueDoesNotExist',
      code: 'AWS.SimpleQueueService.NonExistentQueue;Sender',
      message: 'The specified queue does not exist.',
    })
  })

  test('may be the bare name of a queue of the own account and region', async () => {
    const sqs = sqsHarness()
    const QueueUrl = await sqs.queue('orders')
    expect((await sqs.json('SendMessage', { QueueUrl: 'orders', MessageBody: 'x' })).status).toBe(200)
    expect((await sqs.json('ReceiveMessage', { QueueUrl })).body.Messages).toMatchObject([{ Body: 'x' }])
    const headers = scopedTo('111122223333', 'us-east-1')
    const foreign = await sqs.json('ReceiveMessage', { QueueUrl: 'orders' }, { headers })
    expect(failureOf(foreign).shape).toBe('QueueDoesNotExist')
  })
})

describe('accounts and regions', () => {
  test('are kept apart by the scope of the signature', async () => {
    const sqs = sqsHarness()
    const scopes = [
      scopedTo('111122223333', 'eu-west-1'),
      scopedTo('111122223333', 'us-east-1'),
      scopedTo('AKIAEXAMPLE', 'eu-west-1'),
    ]
    for (const headers of [...scopes, {}]) {
      const { body } = await sqs.json('CreateQueue', { QueueName: 'orders' }, { headers })
      await sqs.json('SendMessage', { QueueUrl: body.QueueUrl, MessageBody: 'x' }, { headers })
      const { body: shown } = await sqs.json(
        'GetQueueAttributes',
        { QueueUrl: body.QueueUrl, AttributeNames: ['QueueArn', 'ApproximateNumberOfMessages'] },
        { headers },
      )
      expect(shown.Attributes.ApproximateNumberOfMessages).toBe('1')
    }
    const arnFor = async (headers: Record<string, string>, account: string) =>
      (
        await sqs.json(
          'GetQueueAttributes',
          { QueueUrl: `${BASE}/${account}/orders`, AttributeNames: ['QueueArn'] },
          { headers },
        )
      ).body.Attributes.QueueArn
    expect(await arnFor(scopedTo('111122223333', 'eu-west-1'), '111122223333')).toBe(
      'arn:aws:sqs:eu-west-1:111122223333:orders',
    )
    expect(await arnFor(scopedTo('AKIAEXAMPLE', 'eu-west-1'), '000000000000')).toBe(
      'arn:aws:sqs:eu-west-1:000000000000:orders',
    )
    expect(await arnFor({}, '000000000000')).toBe('arn:aws:sqs:us-east-1:000000000000:orders')
  })

  test('list their own queues only', async () => {
    const sqs = sqsHarness()
    const headers = scopedTo('111122223333', 'eu-west-1')
    await sqs.json('CreateQueue', { QueueName: 'theirs' }, { headers })
    await sqs.queue('ours')
    expect((await sqs.json('ListQueues')).body).toEqual({ QueueUrls: [`${BASE}/000000000000/ours`] })
    expect((await sqs.json('ListQueues', {}, { headers })).body).toEqual({ QueueUrls: [`${BASE}/111122223333/theirs`] })
  })

  test('are read from a presigned URL too, and an owner named in the request counts', async () => {
    const sqs = sqsHarness()
    const credential = encodeURIComponent('111122223333/20260301/eu-west-1/sqs/aws4_request')
    const created = await sqs.fetch(
      new Request(`${BASE}/?Action=CreateQueue&QueueName=orders&X-Amz-Credential=${credential}`),
    )
    expect(await created.text()).toContain(`<QueueUrl>${BASE}/111122223333/orders</QueueUrl>`)
    const headers = scopedTo('999999999999', 'eu-west-1')
    const input = { QueueName: 'orders', QueueOwnerAWSAccountId: '111122223333' }
    expect((await sqs.json('GetQueueUrl', input, { headers })).body).toEqual({
      QueueUrl: `${BASE}/111122223333/orders`,
    })
    expect(failureOf(await sqs.json('GetQueueUrl', { QueueName: 'orders' }, { headers })).shape).toBe(
      'QueueDoesNotExist',
    )
  })

  test('the home scope is where the native API finds plain names', async () => {
    const sqs = sqsHarness({ home: { account: '111122223333', region: 'eu-west-1' } })
    await sqs.json('CreateQueue', { QueueName: 'orders' }, { headers: scopedTo('AKIAEXAMPLE', 'eu-west-1') })
    expect((await sqs.engine.queues.get('orders')).name).toBe('orders')
  })
})
