import { awsFailure } from './aws-failure.ts'
import type { InvokeLater } from './redrive-invocation.ts'
import { serviceUrl } from './service-url.ts'
import { signedPost } from './signed-post.ts'

/** Invokes a function without waiting for what it does. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
export const invokeBySignedPost: InvokeLater = async (name, payload) => {
  const { AWS_REGION: region = 'us-east-1' } = process.env
  const path = `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`
  const url = serviceUrl({ id: 'LAMBDA', host: 'lambda', region, path })
  const headers = { 'content-type': 'application/json', 'x-amz-invocation-type': 'Event' }
  const response = await signedPost({ service: 'lambda', region, url, headers, body: payload })
  if (!response.ok) throw awsFailure(`the function ${name} could not be invoked: ${response.status}`, response.status)
}
