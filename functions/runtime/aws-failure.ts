/** The failure of a call to an AWS service without the SDK, in the form of the SDK's errors. */
export const awsFailure = (message: string, status: number, type = ''): Error =>
  Object.assign(new Error(message), {
    name: type.split('#').at(-1) || 'Error',
    $metadata: { httpStatusCode: status },
  })

/** Whether a service of AWS refused a request because the caller's role lacks the right to it. */
export const isMissingRight = (error: unknown): boolean => {
  const { name, $metadata } = (error ?? {}) as { name?: string; $metadata?: { httpStatusCode?: number } }
  return name === 'AccessDeniedException' || $metadata?.httpStatusCode === 403
}
